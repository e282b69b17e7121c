#include "sim/exhaustive.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <vector>

#include "sim/world.h"

namespace pgweir::sim {

namespace {

using std::chrono::seconds;

// Two clients in front of a pool of one, and what has been done so far.
class Scene {
 public:
  // cut: the place, counted over all bytes that are read, where a read ends early; 0: nowhere.
  explicit Scene(std::uint64_t cut) {
    world.settings.query_wait_timeout = seconds(30);
    world.settings.idle_transaction_timeout = seconds(20);
    if (cut > 0) {
      world.shell_options.cut = [left = cut](std::size_t size) mutable {
        const std::size_t part = left < size ? static_cast<std::size_t>(left) : size;
        left = left > part ? left - part : ~std::uint64_t{0};
        return std::max<std::size_t>(part, 1);
      };
    }
    world.shell_options.keep_records = true;
    a = &world.client();
    b = &world.client();
  }

  void say(Client& who, const std::string& bytes) {
    if (!who.ended()) who.say(bytes);
  }

  World world;
  Client* a;
  Client* b;
};

struct Action {
  const char* name;
  void (*act)(Scene&);
};

void a_asks(Scene& s) { s.say(*s.a, query("select 'of-a'")); }
void b_asks(Scene& s) { s.say(*s.b, query("select 'of-b'")); }
void a_begins(Scene& s) { s.say(*s.a, query("begin")); }
void a_commits(Scene& s) { s.say(*s.a, query("commit")); }
void a_fails(Scene& s) { s.say(*s.a, query("error")); }
void a_sleeps(Scene& s) { s.say(*s.a, query("sleep")); }
void b_sleeps(Scene& s) { s.say(*s.b, query("sleep")); }
void a_parses(Scene& s) { s.say(*s.a, unnamed_query("select 'of-a'")); }
void a_syncs(Scene& s) { s.say(*s.a, sync()); }
void a_fails_at_bind(Scene& s) { s.say(*s.a, unnamed_query("fail at bind")); }
void a_copies(Scene& s) { s.say(*s.a, query("copy in")); }
void a_copies_extended(Scene& s) { s.say(*s.a, unnamed_query("copy in")); }
void a_copies_in_vain(Scene& s) { s.say(*s.a, query("copy in fail")); }
void a_sends_data(Scene& s) { s.say(*s.a, copy_data("data")); }
void a_ends_data(Scene& s) { s.say(*s.a, copy_done()); }
void a_gives_data_up(Scene& s) { s.say(*s.a, copy_fail("no")); }
void a_sets(Scene& s) { s.say(*s.a, query("set application_name = of-a")); }
void b_looks(Scene& s) { s.say(*s.b, query("show application_name")); }
void a_cancels(Scene& s) { s.world.connect().say(cancel_request(s.a->pid(), s.a->secret())); }
void sleepers_wake(Scene& s) { s.world.postgres.wake_sleepers(); }
void a_leaves(Scene& s) { s.say(*s.a, terminate()); }
void a_vanishes(Scene& s) {
  if (!s.a->ended()) s.a->vanish();
}
void a_finishes(Scene& s) {
  if (!s.a->ended()) s.a->finish();
}
void servers_die(Scene& s) { s.world.postgres.vanish_all(); }
void servers_end(Scene& s) { s.world.postgres.end_all("57P01"); }
void time_passes(Scene& s) { s.world.advance(seconds(7)); }
void a_stops_reading(Scene& s) { s.a->read(false); }
void a_reads(Scene& s) { s.a->read(true); }
void big_answer(Scene& s) { s.say(*s.a, query("rows 300 2000")); }

struct Feature {
  const char* name;
  std::vector<Action> actions;
};

#define ACTION(function) {#function, function}

const std::vector<Feature>& features() {
  static const std::vector<Feature> all{
      {"transaction",
       {ACTION(a_begins), ACTION(a_asks), ACTION(a_commits), ACTION(b_asks), ACTION(a_fails),
        ACTION(a_leaves)}},
      {"extended",
       {ACTION(a_parses), ACTION(a_syncs), ACTION(b_asks), ACTION(a_fails_at_bind), ACTION(a_asks),
        ACTION(a_syncs)}},
      {"cancel",
       {ACTION(a_sleeps), ACTION(a_cancels), ACTION(b_sleeps), ACTION(sleepers_wake),
        ACTION(a_asks), ACTION(a_vanishes)}},
      {"copy",
       {ACTION(a_copies), ACTION(a_sends_data), ACTION(a_ends_data), ACTION(b_asks), ACTION(a_asks),
        ACTION(a_gives_data_up)}},
      {"copy, extended",
       {ACTION(a_copies_extended), ACTION(a_syncs), ACTION(a_sends_data), ACTION(a_ends_data),
        ACTION(a_syncs), ACTION(b_asks)}},
      {"copy that fails",
       {ACTION(a_copies_in_vain), ACTION(a_sends_data), ACTION(a_ends_data), ACTION(b_asks),
        ACTION(a_asks), ACTION(a_vanishes)}},
      {"loss",
       {ACTION(a_begins), ACTION(a_sleeps), ACTION(servers_die), ACTION(b_asks), ACTION(a_vanishes),
        ACTION(time_passes)}},
      {"last words",
       {ACTION(a_begins), ACTION(a_sleeps), ACTION(servers_end), ACTION(b_asks), ACTION(a_finishes),
        ACTION(sleepers_wake)}},
      {"parameters",
       {ACTION(a_sets), ACTION(b_looks), ACTION(a_begins), ACTION(a_commits), ACTION(a_leaves),
        ACTION(a_asks)}},
      {"slow reader",
       {ACTION(a_stops_reading), ACTION(big_answer), ACTION(b_asks), ACTION(a_reads),
        ACTION(a_vanishes), ACTION(time_passes)}},
  };
  return all;
}

#undef ACTION

// What is wrong with what one client heard: it must be its own.
std::string wrong_in(Client& who, const std::string& others) {
  const std::string heard = who.heard();
  return heard.find(others) == std::string::npos ? "" : "a client heard: " + heard;
}

// All bytes of every socket, and the machine's state: what may not depend on how bytes were cut.
struct Seen {
  std::map<SocketId, Shell::Record> records;
  std::uint64_t fingerprint = 0;
  bool operator==(const Seen&) const = default;
};

std::string name_of(const Feature& feature, std::span<const std::size_t> order, std::uint64_t cut) {
  std::string text = std::string(feature.name) + ":";
  for (const std::size_t index : order) text += std::string(" ") + feature.actions[index].name;
  if (cut > 0) text += ", cut after byte " + std::to_string(cut);
  return text + "\n  ";
}

Seen play(const Feature& feature, std::span<const std::size_t> order, std::uint64_t cut,
          Exhausted& sum) {
  Scene scene(cut);
  for (const std::size_t index : order) {
    feature.actions[index].act(scene);
    scene.world.run();
  }
  scene.world.postgres.wake_sleepers();
  scene.world.run();
  Seen seen{scene.world.shell().records(), scene.world.machine().fingerprint()};
  std::string wrong = wrong_in(*scene.a, "of-b") + wrong_in(*scene.b, "of-a");
  // Whoever still holds the server gives it up in time; then it serves the next.
  if (!scene.a->ended()) scene.a->vanish();
  if (!scene.b->ended()) scene.b->vanish();
  scene.world.advance(seconds(60));
  Client& next = scene.world.client();
  const std::string answer = scene.world.query(next, "select 'next'");
  if (answer != "T D(next) C(SELECT 1) Z(I)") wrong += "the next client heard: " + answer;
  wrong += scene.world.finish();
  ++sum.run_count;
  sum.step_count += scene.world.shell().step_count();
  if (!wrong.empty()) sum.verdict.blame(oracle::exhaustive, name_of(feature, order, cut) + wrong);
  return seen;
}

// Which socket's bytes differ; nothing: only the state.
std::string difference(const Seen& whole, const Seen& cut) {
  for (const auto& [socket, record] : whole.records) {
    const auto found = cut.records.find(socket);
    if (found != cut.records.end() && found->second == record) continue;
    const char* const kind = socket.kind == SocketKind::client ? "client" : "s";
    return std::string("other bytes at ") + kind + std::to_string(socket.slot) + "." +
           std::to_string(socket.generation);
  }
  return "the machine's state differs";
}

}  // namespace

Exhausted exhaust() {
  // As many places as the first order of any feature has bytes that are read.
  constexpr std::uint64_t cuts_max = 700;
  Exhausted sum;
  for (const Feature& feature : features()) {
    std::vector<std::size_t> order(feature.actions.size());
    std::iota(order.begin(), order.end(), 0u);
    const std::vector<std::size_t> first = order;
    const Seen whole = play(feature, first, 0, sum);
    while (!sum.verdict.failed() && std::ranges::next_permutation(order).found) {
      play(feature, order, 0, sum);
    }
    for (std::uint64_t cut = 1; cut <= cuts_max && !sum.verdict.failed(); ++cut) {
      const Seen seen = play(feature, first, cut, sum);
      if (seen == whole) continue;
      sum.verdict.blame(oracle::chunking, name_of(feature, first, cut) + difference(whole, seen));
    }
    if (sum.verdict.failed()) break;
  }
  return sum;
}

}  // namespace pgweir::sim
