#include "io/shell.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "core/base/assert.h"
#include "io/process.h"

namespace pgweir::io {

namespace {

// How far the wall clock must have jumped to be told again, and how often we look.
constexpr Duration wall_jump_min = 1s;
constexpr Duration wall_check_interval = 1s;

Instant monotonic_now() { return Instant(Duration(static_cast<std::int64_t>(uv_hrtime()))); }

Duration wall_offset(Instant now) {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Duration>(wall) - now.time_since_epoch();
}

}  // namespace

Shell::Shell(Stepper& stepper, Vault& vault, Log& log, const Settings& settings, Options options,
             Post post)
    : stepper_(stepper),
      log_(log),
      options_(std::move(options)),
      post_(post),
      streams_(loop_, *this),
      listeners_(loop_, streams_, *this),
      resolver_(loop_.uv(), *this),
      derivations_(loop_.uv(), vault, *this),
      loader_(loop_.uv(), vault, log, *this, post, options_.config_path, settings),
      alarm_(loop_, [this] { on_alarm(); }) {
  if (Mailbox* mailbox = post_.own()) mailbox->watch_on(loop_);
  use(settings);
}

Shell::~Shell() {
  if (!shut_down()) uv_run(&loop_.uv(), UV_RUN_DEFAULT);
}

int Shell::run() {
  start();
  while (!exit_status_) turn();
  return *exit_status_;
}

void Shell::start() {
  now_ = monotonic_now();
  wall_checked_at_ = now_;
  wall_offset_ = wall_offset(now_);
  step(event::WallClock{wall_offset_});
  settle();
}

void Shell::turn() {
  if (exit_status_) return;
  set_alarm();
  Mailbox* const mailbox = post_.own();
  // A loop that will not wait need not be woken.
  const bool patient = !loop_.is_busy() && (mailbox == nullptr || mailbox->fall_asleep());
  loop_.wait(patient);
  Letters letters = mailbox == nullptr ? Letters() : mailbox->take();
  // Once a turn: what was told together happened at the same time.
  now_ = std::max(now_, monotonic_now());
  loop_.tell();
  open(std::move(letters));
  tell_wall_clock_changes();
}

bool Shell::shut_down() {
  if (!closed_) {
    closed_ = true;
    if (!exit_status_) exit_status_ = 0;
    listeners_.close_all();
    streams_.close_all();
    alarm_.close();
  }
  // Closing takes one turn; a second finishes answers that have come meanwhile.
  uv_run(&loop_.uv(), UV_RUN_NOWAIT);
  return uv_run(&loop_.uv(), UV_RUN_NOWAIT) == 0;
}

void Shell::tell(const Event& event) {
  PGWEIR_REQUIRE(!carrying_out_ && owed_.empty());
  if (exit_status_) return;
  step(event);
  settle();
}

void Shell::owe(Event event) {
  // Congested comes before any other event, also before those that were owed already.
  if (std::holds_alternative<event::Congested>(event)) {
    owed_.insert(owed_.begin() + static_cast<std::ptrdiff_t>(owed_congested_++), std::move(event));
  } else {
    owed_.push_back(std::move(event));
  }
}

void Shell::settle() {
  if (owed_.empty() || carrying_out_) return;
  while (!owed_.empty() && !exit_status_) {
    const Event event = std::move(owed_.front());
    owed_.pop_front();
    if (owed_congested_ > 0) --owed_congested_;
    if (streams_.about_to_tell(event)) step(event);
  }
}

void Shell::step(const Event& event) {
  if (const auto* reconfigured = std::get_if<event::Reconfigured>(&event)) {
    use(reconfigured->settings);
  }
  const std::span<const Effect> effects = stepper_.step(now_, event);
  carrying_out_ = true;
  carry_out(effects);
  carrying_out_ = false;
}

void Shell::tell_wall_clock_changes() {
  if (exit_status_ || now_ - wall_checked_at_ < wall_check_interval) return;
  wall_checked_at_ = now_;
  const Duration offset = wall_offset(now_);
  if (std::chrono::abs(offset - wall_offset_) < wall_jump_min) return;
  wall_offset_ = offset;
  step(event::WallClock{offset});
  settle();
}

void Shell::carry_out(std::span<const Effect> effects) {
  std::size_t next = 0;
  while (next < effects.size()) {
    if (std::holds_alternative<effect::Send>(effects[next])) {
      next = send_run(effects, next);
    } else {
      std::visit([this](const auto& effect) { carry(effect); }, effects[next]);
      ++next;
    }
  }
}

std::size_t Shell::send_run(std::span<const Effect> effects, std::size_t first) {
  std::array<iovec, pieces_max> pieces;
  std::size_t count = 0;
  const SocketId socket = std::get<effect::Send>(effects[first]).socket;
  std::size_t next = first;
  for (; next < effects.size() && count < pieces.size(); ++next) {
    const auto* send = std::get_if<effect::Send>(&effects[next]);
    if (send == nullptr || send->socket != socket) break;
    if (send->bytes.empty()) continue;
    pieces[count++] = {const_cast<std::byte*>(send->bytes.data()), send->bytes.size()};
  }
  if (count > 0) streams_.send(socket, std::span(pieces).first(count));
  return next;
}

void Shell::carry(const effect::Send& send) {
  const iovec piece{const_cast<std::byte*>(send.bytes.data()), send.bytes.size()};
  streams_.send(send.socket, {&piece, 1});
}

void Shell::carry(const effect::Accepting& accepting) {
  switch (accepting.how) {
    case effect::Accept::on: return listeners_.set_accepting(true);
    case effect::Accept::paused: return listeners_.set_accepting(false);
    case effect::Accept::ended: return listeners_.close_all();
  }
}

void Shell::carry(const effect::HandOver& hand_over) {
  post_.send(hand_over.to, letter::HandedOver{streams_.hand_over(hand_over.socket),
                                              {hand_over.parcel.begin(), hand_over.parcel.end()}});
}

void Shell::carry(const effect::Take& take) {
  PGWEIR_REQUIRE(arriving_.has_value(), take.socket.slot);
  streams_.take(take.socket, std::move(*arriving_));
  arriving_.reset();
}

void Shell::carry(const effect::Tell& tell) {
  post_.send(tell.to, letter::Told{{tell.message.begin(), tell.message.end()}});
}

void Shell::carry(const effect::Exit& exit) { exit_status_ = exit.status; }

// What is left unopened when one of them is the last goes with the letters: sockets are closed.
void Shell::open(Letters letters) {
  while (!exit_status_) {
    std::optional<Letter> letter = letters.next();
    if (!letter) return;
    std::visit([&](auto& contents) { open(letter->from, contents); }, letter->contents);
  }
}

void Shell::open(std::uint8_t from, const letter::Told& told) {
  tell(event::Told{from, told.message});
}

// What adopt() and take() owe is told after Adopted or Arrived, as what its own effects owe:
// Congested first.
void Shell::open(std::uint8_t from, letter::HandedOver& handed_over) {
  if (handed_over.socket.kind == SocketKind::server) {
    arriving_ = std::move(handed_over.socket);
    step(event::Arrived{from, handed_over.parcel});
    PGWEIR_REQUIRE(!arriving_, from);
    return settle();
  }
  const ClientHandle client = streams_.adopt(std::move(handed_over.socket));
  step(event::Adopted{client, from, handed_over.parcel});
  settle();
}

void Shell::open(std::uint8_t, letter::NewSettings& settings) {
  loader_.adopt(std::move(settings.loaded));
}

void Shell::open(std::uint8_t, const letter::Stop& stop) { exit_status_ = stop.status; }

void Shell::use(const Settings& settings) {
  streams_.use(tcp_options(settings));
  if (post_.is_first()) use_for_the_process(settings);
}

void Shell::use_for_the_process(const Settings& settings) {
  listeners_.use(tcp_options(settings));
  log_.set_debug(options_.debug_log || settings.verbose > 0);
  log_.move_to(settings.logfile);
  const std::uint64_t descriptors = descriptors_needed(settings, post_.machines());
  if (const auto problem = raise_descriptor_limit(descriptors)) {
    log_.say(Level::warning, "descriptors_short", *problem);
  }
}

// Once a turn. The alarm moves only when something is due earlier than it; what is due later finds
// it rung too early, and sets it again.
void Shell::set_alarm() {
  const std::optional<Wake> wake = stepper_.deadline();
  const Instant due = std::min(wake ? wake->at : never, streams_.linger_due());
  if (due >= alarm_due_) return;
  alarm_due_ = due;
  alarm_.set(due);
}

void Shell::on_alarm() {
  alarm_due_ = never;
  streams_.end_lingering(now_);
  settle();
  const std::optional<Wake> wake = stepper_.deadline();
  if (wake && wake->at <= now_) tell(event::Woke{});
}

}  // namespace pgweir::io
