#include "rules/promql/info.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

const std::vector<std::string>& identifying() {
  static const std::vector<std::string> kNames = {"instance", "job"};
  return kNames;
}

class InfoNode final : public VectorNode {
 public:
  InfoNode(VectorPtr base, ResolvedSelector& series, InfoMatchers matchers,
           std::vector<const Modifiers*> time)
      : base_(std::move(base)), series_(series), matchers_(std::move(matchers)), time_(std::move(time)) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const Elements& base = base_->eval(context, t);
    find_keys(context, base);
    find_infos(context, t);
    for (const Element& e : base) {
      if (!context.tick()) return out_;
      if (is_info(context, e.labels)) {
        out_.push_back(e);
      } else if (!add(context, e)) {
        return out_;
      }
    }
    context.check_unique(out_);
    context.hold(charge_, out_.size() + found_.size());
    return out_;
  }

 private:
  struct Found {
    SetId labels;
    TimestampMs t;
    std::uint32_t next;  // of the same job and instance
  };

  bool is_info(Context& context, SetId labels) {
    return is_info_.get(context.sets, labels, [&](SetId id) -> std::uint32_t {
      return std::all_of(matchers_.name.begin(), matchers_.name.end(),
                         [&](const Matcher& m) { return m.matches(context.sets[id]); });
    }) != 0;
  }

  SetId key_of(Context& context, SetId labels) {
    return keys_.get(context.sets, labels,
                     [&](SetId id) { return context.intern(keep_labels(context.sets[id], identifying())); });
  }

  // Which job and instance are looked for. A series that lacks a label which another one has finds nothing,
  // as Prometheus then asks for info series with that label.
  void find_keys(Context& context, const Elements& base) {
    heads_.start(context.sets);
    std::array<bool, 2> has{};
    for (const Element& e : base) {
      if (is_info(context, e.labels)) continue;
      for (std::size_t i = 0; i < has.size(); ++i)
        has[i] = has[i] || context.sets[e.labels].has(identifying()[i]);
    }
    for (const Element& e : base) {
      if (is_info(context, e.labels) || (!has[0] && !has[1])) continue;
      const SetId key = key_of(context, e.labels);
      const bool complete = (!has[0] || context.sets[key].has(identifying()[0])) &&
                            (!has[1] || context.sets[key].has(identifying()[1]));
      if (complete) heads_[key] = kWanted;
    }
  }

  void find_infos(Context& context, TimestampMs t) {
    found_.clear();
    // From the outside in: an @ there sets the time, offsets move it.
    for (auto modifiers = time_.rbegin(); modifiers != time_.rend(); ++modifiers)
      t = moved(**modifiers, context, t);
    const TimestampMs after =
        t - std::chrono::duration_cast<std::chrono::milliseconds>(context.limits.lookback).count();
    for (const ResolvedSelector::Series& series : series_.series(context)) {
      if (!context.tick()) return;
      const SetId key = key_of(context, series.labels);
      if (heads_[key] == Slots::kEmpty) continue;
      const std::optional<Sample> sample = context.reader.latest(series.id, after, t);
      if (sample) remember(context, key, series.labels, sample->t);
    }
  }

  // Of several series of one info metric the newest counts.
  void remember(Context& context, SetId key, SetId labels, TimestampMs t) {
    for (std::uint32_t i = heads_[key]; i != kWanted; i = found_[i].next) {
      Found& known = found_[i];
      if (context.sets[known.labels].get(kMetricName) != context.sets[labels].get(kMetricName)) continue;
      if (known.t == t) {
        context.fail(
            ErrorCode::failed_precondition,
            fmt::format("found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                        in_braces(context.sets[known.labels]), t, in_braces(context.sets[labels]), t));
      } else if (known.t < t) {
        known.labels = labels;
        known.t = t;
      }
      return;
    }
    found_.push_back({labels, t, heads_[key]});
    heads_[key] = static_cast<std::uint32_t>(found_.size() - 1);
  }

  bool add(Context& context, const Element& e) {
    const std::uint32_t head = heads_[key_of(context, e.labels)];
    if (head == Slots::kEmpty || head == kWanted) {
      const bool needed = std::any_of(matchers_.data.begin(), matchers_.data.end(),
                                      [](const Matcher& m) { return !m.matches_empty(); });
      if (!needed) out_.push_back(e);
      return true;
    }
    Labels added;
    for (std::uint32_t i = head; i != kWanted; i = found_[i].next) {
      for (const Label& label : context.sets[found_[i].labels]) {
        if (label.name == kMetricName || !is_asked_for(label.name)) continue;
        if (added.has(label.name) && added.get(label.name) != label.value) {
          context.fail(ErrorCode::failed_precondition, fmt::format("conflicting label: {}", label.name));
          return false;
        }
        if (!context.sets[e.labels].has(label.name)) added.set(label.name, label.value);
      }
    }
    Labels all = context.sets[e.labels];
    for (const Label& label : added) all.set(label.name, label.value);
    out_.push_back({context.intern(all), e.v, e.drop_name});
    return true;
  }

  bool is_asked_for(const std::string& name) const {
    return matchers_.data.empty() || std::any_of(matchers_.data.begin(), matchers_.data.end(),
                                                 [&](const Matcher& m) { return m.name() == name; });
  }

  static constexpr std::uint32_t kWanted = 0xfffffffe;  // the end of a chain of found_

  VectorPtr base_;
  ResolvedSelector& series_;
  const InfoMatchers matchers_;
  const std::vector<const Modifiers*> time_;
  SetMap keys_, is_info_;
  Slots heads_;  // by job and instance: the first of found_
  std::vector<Found> found_;
  Elements out_;
  Charge charge_;
};

// True when the first selector was found; fills `path` with the modifiers around it.
bool first_selector(const Expr& expr, std::vector<const Modifiers*>& path) {
  const auto in = [&](const ExprPtr& inner) { return inner && first_selector(*inner, path); };
  if (const auto* selector = std::get_if<VectorSelector>(&expr.node)) {
    path.push_back(&selector->modifiers);
    return true;
  }
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
    path.push_back(&matrix->selector.modifiers);
    return true;
  }
  if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
    if (!in(subquery->inner)) return false;
    path.push_back(&subquery->modifiers);
    return true;
  }
  if (const auto* paren = std::get_if<Paren>(&expr.node)) return in(paren->inner);
  if (const auto* unary = std::get_if<Unary>(&expr.node)) return in(unary->operand);
  if (const auto* binary = std::get_if<Binary>(&expr.node)) return in(binary->lhs) || in(binary->rhs);
  if (const auto* aggregate = std::get_if<Aggregate>(&expr.node))
    return in(aggregate->operand) || in(aggregate->parameter);
  if (const auto* call = std::get_if<Call>(&expr.node))
    return std::any_of(call->arguments.begin(), call->arguments.end(), in);
  return false;
}

}  // namespace

Result<InfoMatchers> info_matchers(std::vector<Matcher> wanted) {
  InfoMatchers matchers;
  bool positive = false;
  for (Matcher& matcher : wanted) {
    const bool of_name = matcher.name() == kMetricName;
    positive = positive || (of_name && (matcher.op() == MatchOp::equal || matcher.op() == MatchOp::regex));
    (of_name ? matchers.name : matchers.data).push_back(std::move(matcher));
  }
  if (!positive) {
    Result<Matcher> usual = matchers.name.empty()
                                ? Matcher::make(MatchOp::equal, std::string(kMetricName), "target_info")
                                : Matcher::make(MatchOp::regex, std::string(kMetricName), ".+_info");
    if (!usual) return std::move(usual).error();
    matchers.name.push_back(*std::move(usual));
  }
  matchers.select = matchers.name;
  matchers.select.insert(matchers.select.end(), matchers.data.begin(), matchers.data.end());
  return matchers;
}

std::vector<const Modifiers*> info_time(const Expr& argument) {
  std::vector<const Modifiers*> path;
  first_selector(argument, path);
  const auto anchor =
      std::find_if(path.begin(), path.end(), [](const Modifiers* m) { return m->at != Modifiers::At::none; });
  if (anchor != path.end()) path.erase(anchor + 1, path.end());
  return path;
}

VectorPtr make_info(VectorPtr base, ResolvedSelector& series, InfoMatchers matchers,
                    std::vector<const Modifiers*> time) {
  return std::make_unique<InfoNode>(std::move(base), series, std::move(matchers), std::move(time));
}

}  // namespace chiron::promql
