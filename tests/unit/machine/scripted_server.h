// A server that says what a test tells it, whatever the protocol says: for stories of servers that
// break it, and of bytes that come in an order the model of PostgreSQL does not make.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sim/messages.h"
#include "sim/network.h"

namespace pgweir {

class ScriptedServer : public sim::Host {
 public:
  ScriptedServer() = default;
  ~ScriptedServer() override {
    if (stream_) stream_->set_peer(nullptr);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // What a startup packet is answered with.
  std::string greeting = sim::message('R', sim::int32(0)) +
                         sim::parameter_status("TimeZone", "UTC") +
                         sim::message('K', sim::int32(7) + sim::int32(8)) + sim::message('Z', "I");

  // On the connection made last.
  void say(std::string_view bytes) { stream_->write(bytes); }
  void finish() { stream_->finish(); }
  // The types of what was heard since the last call, startup packets as '^'.
  std::string heard() { return std::exchange(heard_, {}); }
  // What began the connection made last, without its size.
  const std::string& first_packet() const { return first_packet_; }
  int connection_count() const { return connection_count_; }

  Welcome welcome() const override { return Welcome::accept; }
  void accepted(std::shared_ptr<sim::Stream> stream) override {
    if (stream_) stream_->finish();
    stream_ = std::move(stream);
    framer_ = sim::Framer(true);
    ++connection_count_;
  }
  void turn() override {
    if (!stream_) return;
    framer_.feed(stream_->read());
    while (const auto message = framer_.next()) {
      heard_ += message->type == 0 ? '^' : message->type;
      if (message->type != 0) continue;
      first_packet_ = message->body;
      framer_.started();
      stream_->write(greeting);
    }
    if (stream_->at_end()) stream_->finish();
  }

 private:
  std::shared_ptr<sim::Stream> stream_;
  sim::Framer framer_{true};
  std::string heard_;
  std::string first_packet_;
  int connection_count_ = 0;
};

}  // namespace pgweir
