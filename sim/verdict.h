// What the oracles found: the first finding of a run is its failure. An oracle measures the world
// (sockets, model servers, applications), never the pooler's own counters, unless it compares them.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgweir::sim {

struct Finding {
  std::string oracle;  // "O-01 own answers"
  std::string what;
};

namespace oracle {
inline constexpr std::string_view own_answers = "O-01 own answers";
inline constexpr std::string_view one_owner = "O-02 one owner";
inline constexpr std::string_view transaction_integrity = "O-03 transaction integrity";
inline constexpr std::string_view no_leak_in = "O-04 no leak in";
inline constexpr std::string_view own_state = "O-05 own state";
inline constexpr std::string_view limits = "O-06 limits";
inline constexpr std::string_view ledger = "O-07 message ledger";
inline constexpr std::string_view cancel_reach = "O-08 cancel reach";
inline constexpr std::string_view authentication = "O-09 authentication";
inline constexpr std::string_view rights = "O-10 rights";
inline constexpr std::string_view clean_release = "O-11 clean release";
inline constexpr std::string_view error_shape = "O-12 error shape";
inline constexpr std::string_view transparency = "O-13 transparency";
inline constexpr std::string_view chunking = "O-14 chunking invariance";
inline constexpr std::string_view pool_mode = "O-15 pool mode";
inline constexpr std::string_view replication = "O-16 replication";
inline constexpr std::string_view work_conservation = "O-20 work conservation";
inline constexpr std::string_view fifo = "O-21 fifo";
inline constexpr std::string_view growth = "O-22 growth";
inline constexpr std::string_view deadlines = "O-23 deadlines";
inline constexpr std::string_view no_lost_wake_up = "O-24 no lost wake-up";
inline constexpr std::string_view liveness = "O-25 liveness";
inline constexpr std::string_view exhaustive = "O-25 exhaustive";
inline constexpr std::string_view back_pressure = "O-26 back-pressure";
inline constexpr std::string_view no_starvation = "O-27 no starvation";
inline constexpr std::string_view drain = "O-28 drain";
inline constexpr std::string_view reload = "O-29 reload";
inline constexpr std::string_view failover = "O-30 failover";
inline constexpr std::string_view storm_control = "O-31 storm control";
inline constexpr std::string_view no_vain_wait = "O-32 no vain wait";
inline constexpr std::string_view bounded_mail = "O-33 bounded mail";
inline constexpr std::string_view marked_hosts = "O-34 marked hosts";
inline constexpr std::string_view back_to_idle = "O-40 back to idle";
inline constexpr std::string_view no_growth = "O-41 no growth";
inline constexpr std::string_view truthful_show = "O-42 truthful SHOW";
inline constexpr std::string_view determinism = "O-50 determinism";
inline constexpr std::string_view step_contract = "O-51 step contract";
inline constexpr std::string_view core_invariants = "O-52 core invariants";
inline constexpr std::string_view quiet_logs = "O-53 quiet logs";
inline constexpr std::string_view useful_run = "O-54 useful run";
}  // namespace oracle

class Verdict {
 public:
  // Only these oracles' findings count from now on, in every run ("O-07"): does it see by itself?
  static void heed_only(std::vector<std::string> oracles) { heeded_ = std::move(oracles); }

  static bool heeds(std::string_view oracle) {
    return heeded_.empty() || std::ranges::any_of(heeded_, [&](const std::string& name) {
             return oracle.starts_with(name);
           });
  }

  void blame(std::string_view oracle, std::string what) {
    if (finding_ || !heeds(oracle)) return;
    finding_ = Finding{std::string(oracle), std::move(what)};
  }
  bool failed() const { return finding_.has_value(); }
  const std::optional<Finding>& finding() const { return finding_; }

 private:
  static inline std::vector<std::string> heeded_;  // empty: all
  std::optional<Finding> finding_;
};

}  // namespace pgweir::sim
