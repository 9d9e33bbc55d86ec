#!/usr/bin/env bash
# Installs what the tests need, builds, runs all of them, and ends with the line "N passed, N failed".
#   tests/run.sh            everything
#   tests/run.sh unit       one or more of: unit lab asan tsan fuzz; unit, the quickest, is what asan and tsan run too
# Needs root for the lab (namespaces, loop devices); without it the lab is left out, and said so.
set -uo pipefail
cd "$(dirname "$0")/.."
stages=("$@")
(($# == 0)) && stages=(lab asan tsan fuzz)

out=$PWD/build/test-results
rm -rf "$out" && mkdir -p "$out"
passed=0 failed=0
failures=()

note() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

# build PRESET: 0 when it built; a failed build counts as one failed test.
build() {
  if cmake --preset "$1" >"$out/cmake-$1.log" 2>&1 && cmake --build --preset "$1" >"$out/build-$1.log" 2>&1; then
    return 0
  fi
  for log in "$out/cmake-$1.log" "$out/build-$1.log"; do
    [[ -e $log ]] && tail -n 40 "$log"
  done
  failed=$((failed + 1)) failures+=("build of preset $1")
  return 1
}

# count FILE NAME: adds a JUnit file's tests to the totals; skipped ones are said, and are no pass.
count() {
  local totals pass fail skip
  if ! totals=$(tests/junit_totals.py "$1"); then
    failed=$((failed + 1)) failures+=("$2: no test ran")
    return
  fi
  read -r pass fail skip <<<"$totals"
  passed=$((passed + pass)) failed=$((failed + fail))
  echo "$2: $pass passed, $fail failed, $skip skipped"
  while read -r name; do failures+=("$2: $name"); done < <(sed -n '2,$p' <<<"$totals" | grep .)
}

# suite NAME DIRECTORY CTEST-OPTIONS...
suite() {
  local name=$1 dir=$2
  shift 2
  ctest --test-dir "$dir" "$@" --output-on-failure --output-junit "$out/$name.xml" >"$out/$name.log" 2>&1 ||
    grep -vE '^ *[0-9]+/[0-9]+ Test|Passed|^ +Start ' "$out/$name.log" | tail -n 200
  count "$out/$name.xml" "$name"
}

deploy/packages.sh test || { echo "cannot install what the tests need"; echo "0 passed, 1 failed"; exit 1; }
jobs=$(nproc)

for stage in "${stages[@]}"; do
  case $stage in
    unit)
      note "unit tests"
      build debug && suite unit build-debug -j "$jobs"
      ;;
    lab)
      if ((EUID != 0)); then
        note "lab left out: it needs root"
        continue
      fi
      note "lab: real systemd, Docker, Redis, Prometheus, file systems"
      # With the benchmarks, which are built so that they do not rot.
      build lab && suite lab build -j 1
      ;;
    asan | tsan)
      note "unit tests under $stage"
      build "$stage" && suite "$stage" "build-$stage" -j "$jobs"
      ;;
    fuzz)
      note "fuzzers, a short run each"
      build fuzz || continue
      for fuzzer in build-fuzz/bin/chiron_fuzz_*; do
        name=${fuzzer##*chiron_fuzz_}
        corpus=$(mktemp -d)
        if "$fuzzer" -max_total_time="${CHIRON_FUZZ_SECONDS:-15}" -rss_limit_mb=2048 -timeout=10 \
          -artifact_prefix="$out/" "$corpus" "tests/fuzz/corpus/$name" >"$out/fuzz-$name.log" 2>&1; then
          passed=$((passed + 1))
        else
          tail -30 "$out/fuzz-$name.log"
          failed=$((failed + 1)) failures+=("fuzz: $name")
        fi
        rm -rf "$corpus"
      done
      ;;
    *)
      echo "unknown stage $stage: unit, lab, asan, tsan or fuzz" >&2
      exit 2
      ;;
  esac
done

note "done"
for failure in "${failures[@]}"; do echo "FAILED $failure"; done
((passed == 0)) && ((failed == 0)) && failed=1
echo "$passed passed, $failed failed"
((failed == 0))
