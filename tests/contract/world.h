// What the tests of the shell's contract (core/event.h) have to do with: a shell without a machine,
// whose stepper is a script, and the world around it. There are two: the simulator's shell in its
// own network, and the libuv shell on loopback. A test that holds for one and not for the other
// says that the simulator proves things about another world than production's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/stepper.h"

namespace pgweir::contract {

// Keeps what it was told as texts, in order: "accepted c0.1", "received c0.1" (once for bytes in a
// row), "hangup c0.1". Sockets are named by kind, slot and generation.
class Recorder final : public Stepper {
 public:
  using Effects = std::vector<Effect>;

  std::span<const Effect> step(Instant now, const Event& event) override;
  std::optional<Wake> deadline() const override { return wake; }

  long count(std::string_view what) const;
  // Where it is among all that was told; the end if it is not.
  std::size_t place(std::string_view what) const;
  // All of it, a line each: for a failed test.
  std::string story() const;

  std::vector<std::string> told;
  std::map<SocketId, std::string> bytes;  // received
  std::size_t largest = 0;                // of one Received
  std::vector<Endpoint> resolved;
  SocketId adopted;  // the last one; servers are taken as s0.1, s1.1 and so on
  Effects wanted;    // carried out with the next event
  // What an event is answered with, besides.
  std::function<void(const Event&, Effects&)> script;
  std::optional<Wake> wake;
  Instant now{};

 private:
  void note(const std::string& what);
  std::uint32_t taken_count_ = 0;
  bool stepping_ = false;
  Effects effects_;
};

std::string name_of(SocketId id);

// The other end of one of the shell's sockets. Reads and writes never wait.
class PeerEnd {
 public:
  virtual ~PeerEnd() = default;
  virtual void write(std::string_view bytes) = 0;
  virtual std::string read() = 0;  // what is there
  virtual void finish() = 0;       // no more will be written
  virtual void reset() = 0;
  virtual bool ended() = 0;  // the shell closed it, and everything was read
};

class World {
 public:
  virtual ~World() = default;

  // The shell's first step.
  virtual void begin() = 0;
  virtual std::unique_ptr<PeerEnd> connect() = 0;
  // A host that takes every connection, and the ends of those, in order; null: no more yet.
  virtual Endpoint host() = 0;
  virtual std::unique_ptr<PeerEnd> next_at_host() = 0;
  // Where nobody listens.
  virtual Endpoint nobody() = 0;
  // A plain secret in the shell's vault.
  virtual CredentialId secret() = 0;
  // The next accept fails for want of descriptors.
  virtual void fail_next_accept() = 0;
  // An event, so that what is wanted goes out.
  virtual void poke() = 0;
  // Something happens, or a little time passes.
  virtual void turn() = 0;
  virtual std::optional<int> exit_status() = 0;

  Recorder recorder;
  Recorder other;  // the second machine of the process
};

std::unique_ptr<World> simulated_world();
std::unique_ptr<World> libuv_world();

}  // namespace pgweir::contract
