#pragma once

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <pthread.h>

// Which mutex guards which member, said so that Clang can prove it (-Wthread-safety, "Thread Safety Analysis"
// in Clang's documentation). Other compilers see nothing. Macros, because attributes have no other form; own
// lock types, because those of libstdc++ carry no annotations.
#if defined(__clang__)
#define CHIRON_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define CHIRON_THREAD_ATTRIBUTE(x)
#endif

#define CHIRON_CAPABILITY(name) CHIRON_THREAD_ATTRIBUTE(capability(name))
#define CHIRON_SCOPED_CAPABILITY CHIRON_THREAD_ATTRIBUTE(scoped_lockable)
/// On a member: read and written only with `mutex` held.
#define CHIRON_GUARDED_BY(mutex) CHIRON_THREAD_ATTRIBUTE(guarded_by(mutex))
/// On a pointer: what it points to, not itself, is guarded.
#define CHIRON_PT_GUARDED_BY(mutex) CHIRON_THREAD_ATTRIBUTE(pt_guarded_by(mutex))
/// On a mutex: taken before the others, where both are held.
#define CHIRON_ACQUIRED_BEFORE(...) CHIRON_THREAD_ATTRIBUTE(acquired_before(__VA_ARGS__))
/// On a function, or a lambda after its parameters: the caller holds the mutex, exclusively or at least
/// shared.
#define CHIRON_REQUIRES(...) CHIRON_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define CHIRON_REQUIRES_SHARED(...) CHIRON_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
/// On a function: the caller must not hold the mutex, because the function takes it.
#define CHIRON_EXCLUDES(...) CHIRON_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define CHIRON_ACQUIRE(...) CHIRON_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define CHIRON_ACQUIRE_SHARED(...) CHIRON_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define CHIRON_RELEASE(...) CHIRON_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
/// On a getter: what it returns is that mutex.
#define CHIRON_RETURN_CAPABILITY(mutex) CHIRON_THREAD_ATTRIBUTE(lock_returned(mutex))
/// On a function whose locking the analysis cannot follow; a comment says why it is right.
#define CHIRON_NO_THREAD_SAFETY_ANALYSIS CHIRON_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace chiron {

/// std::mutex, for use with MutexLock and CondVar.
class CHIRON_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

/// Holds a Mutex for its own life, but for the time between unlock() and lock().
class CHIRON_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) CHIRON_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() CHIRON_RELEASE() {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  void lock() CHIRON_ACQUIRE() { lock_.lock(); }
  void unlock() CHIRON_RELEASE() { lock_.unlock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

/// std::condition_variable on a Mutex. A predicate is called with the mutex held; that it may, its lambda
/// says: `changed_.wait(lock, [this]() CHIRON_REQUIRES(mutex_) { return ready_; })`. The analysis cannot
/// match that mutex with the lock's, so it leaves out the waits themselves; each returns as it was called,
/// locked.
class CondVar {
 public:
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  template <class Predicate>
  void wait(MutexLock& lock, Predicate done) CHIRON_NO_THREAD_SAFETY_ANALYSIS {
    condition_.wait(lock.lock_, done);
  }
  template <class Rep, class Period>
  std::cv_status wait_for(MutexLock& lock, const std::chrono::duration<Rep, Period>& timeout) {
    return condition_.wait_for(lock.lock_, timeout);
  }
  /// What `done` says at the end.
  template <class Rep, class Period, class Predicate>
  bool wait_for(MutexLock& lock, const std::chrono::duration<Rep, Period>& timeout,
                Predicate done) CHIRON_NO_THREAD_SAFETY_ANALYSIS {
    return condition_.wait_for(lock.lock_, timeout, done);
  }
  template <class Clock, class Time, class Predicate>
  bool wait_until(MutexLock& lock, const std::chrono::time_point<Clock, Time>& deadline,
                  Predicate done) CHIRON_NO_THREAD_SAFETY_ANALYSIS {
    return condition_.wait_until(lock.lock_, deadline, done);
  }

 private:
  std::condition_variable condition_;
};

/// Many readers or one writer; a writer that waits comes before readers that arrive later. std::shared_mutex
/// lets readers in for as long as one of them holds it: a few queries at once kept the sampling thread out
/// for a minute. In return a thread that holds it must not take it again.
class CHIRON_CAPABILITY("shared_mutex") SharedMutex {
 public:
  SharedMutex() {
    pthread_rwlockattr_t kind;
    ::pthread_rwlockattr_init(&kind);
    ::pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    ::pthread_rwlock_init(&lock_, &kind);
    ::pthread_rwlockattr_destroy(&kind);
  }
  ~SharedMutex() { ::pthread_rwlock_destroy(&lock_); }
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

 private:
  friend class ReaderLock;
  friend class WriterLock;
  pthread_rwlock_t lock_;
};

/// Holds a SharedMutex beside other readers.
class CHIRON_SCOPED_CAPABILITY ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) CHIRON_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    // EAGAIN: as many readers as can be counted.
    while (::pthread_rwlock_rdlock(&mutex_.lock_) == EAGAIN) {
    }
  }
  ~ReaderLock() CHIRON_RELEASE() { ::pthread_rwlock_unlock(&mutex_.lock_); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Holds a SharedMutex alone.
class CHIRON_SCOPED_CAPABILITY WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) CHIRON_ACQUIRE(mutex) : mutex_(mutex) {
    ::pthread_rwlock_wrlock(&mutex_.lock_);
  }
  ~WriterLock() CHIRON_RELEASE() { ::pthread_rwlock_unlock(&mutex_.lock_); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace chiron
