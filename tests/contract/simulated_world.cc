// The simulator's shell.
#include <deque>

#include "sim/shell.h"
#include "tests/contract/world.h"

namespace pgweir::contract {

namespace {

class StreamEnd final : public PeerEnd {
 public:
  explicit StreamEnd(std::shared_ptr<sim::Stream> stream) : stream_(std::move(stream)) {}
  void write(std::string_view bytes) override { stream_->write(bytes); }
  std::string read() override { return stream_->read(); }
  void finish() override { stream_->finish(); }
  void reset() override { stream_->reset(); }
  bool ended() override { return stream_->at_end(); }

 private:
  std::shared_ptr<sim::Stream> stream_;
};

class TakingHost final : public sim::Host {
 public:
  Welcome welcome() const override { return Welcome::accept; }
  void accepted(std::shared_ptr<sim::Stream> stream) override {
    streams.push_back(std::move(stream));
  }
  void turn() override {}

  std::deque<std::shared_ptr<sim::Stream>> streams;
};

class SimulatedWorld final : public World {
 public:
  void begin() override {
    shell_.emplace(clock_, std::vector<Stepper*>{&recorder, &other}, vault_);
    shell_->add_host(host(), host_);
  }
  std::unique_ptr<PeerEnd> connect() override {
    return std::make_unique<StreamEnd>(shell_->connect());
  }
  Endpoint host() override { return sim::ipv4(10, 0, 0, 1, 5432); }
  std::unique_ptr<PeerEnd> next_at_host() override {
    if (host_.streams.empty()) return nullptr;
    auto end = std::make_unique<StreamEnd>(std::move(host_.streams.front()));
    host_.streams.pop_front();
    return end;
  }
  Endpoint nobody() override { return sim::ipv4(10, 0, 0, 2, 5432); }
  CredentialId secret() override { return vault_.add(auth::SecretKind::plain, "pencil"); }
  void fail_next_accept() override { shell_->fail_accept(Reason::out_of_descriptors); }
  void poke() override {
    shell_->command(event::Command::reload);
    shell_->run();
  }
  void turn() override { shell_->advance(std::chrono::milliseconds(20)); }
  std::optional<int> exit_status() override { return shell_->exit_status(); }

 private:
  sim::Clock clock_;
  sim::ToyVault vault_{1};
  TakingHost host_;
  std::optional<sim::Shell> shell_;
};

}  // namespace

std::unique_ptr<World> simulated_world() { return std::make_unique<SimulatedWorld>(); }

}  // namespace pgweir::contract
