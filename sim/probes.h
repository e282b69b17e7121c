// What has to happen sometimes (O-54): counted over a batch, named in English in probes.cc. A probe
// that a large batch never hits is a finding about the simulator: something is not generated any
// more. `pgweir-sim --probes` tells the counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "core/effect.h"
#include "core/event.h"

namespace pgweir::sim {

enum class Probe : std::uint8_t {
  // Applications.
  asked_behind_unanswered,
  waited_and_served,
  waited_and_cancelled,
  statement_cancelled,
  lost_in_transaction,
  // FATAL errors that they were told.
  query_wait_timeout,
  query_timeout,
  transaction_timeout,
  idle_transaction_timeout,
  transaction_block_refused,
  client_idle_timeout,
  client_login_timeout,
  cancel_wait_timeout,
  too_many_clients,
  unknown_database,
  wrong_password,
  server_lost,
  shutting_down,
  // What servers answer.
  error_in_query,
  error_in_batch,
  error_in_failed_transaction,
  portal_suspended,
  empty_query,
  copy_in,
  copy_in_behind_sync,
  copy_out,
  parameter_changed,
  notice,
  last_words,
  last_words_of_idle_server,
  // What pgweir does with them.
  client_congested,
  server_congested,
  client_half_closed,
  server_recovered,
  server_checked,
  asked_again,
  half_message_lost,
  server_idle_timeout,
  server_lifetime,
  server_makes_room,
  server_not_reused,
  half_message_sent,
  lost_in_request,
  not_clean_in_time,
  cancel_passed_on,
  server_login_failed,
  server_refused_protocol,
  server_without_secret,
  accept_paused,
  settings_applied,
  drained,
  receiver_let_in,
  receiver_streams,
  // How clients begin.
  encryption_refused,
  protocol_negotiated,
  old_password_refused,
  settings_refused,
  handed_over,
  cancel_of_another_machine,
  cancel_of_another_replica,
  all_machines_asked,
  credit_used_up,
  machine_deaf,
  host_marked,
  standby_left,
  count
};

class Probes {
 public:
  void hit(Probe probe) { ++counts_[static_cast<std::size_t>(probe)]; }
  void told_fatal(std::string_view code, std::string_view text);
  // A step of the machine.
  void step(const Event& event, std::span<const Effect> effects);

  Probes& operator+=(const Probes& other);
  // The first that was never hit and is not rare; empty: all were.
  std::string_view never_hit() const;
  void tell(std::FILE* to) const;

 private:
  void noted(const Note& note);

  std::array<std::uint64_t, static_cast<std::size_t>(Probe::count)> counts_{};
};

}  // namespace pgweir::sim
