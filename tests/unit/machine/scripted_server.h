// A server that says what a test tells it, whatever the protocol says: for stories of servers that
// break it, and of bytes that come in an order the model of PostgreSQL does not make.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/messages.h"
#include "sim/network.h"

namespace pgweir {

class ScriptedServer : public sim::Host {
 public:
  ScriptedServer() = default;
  ~ScriptedServer() override {
    for (Connection& connection : connections_) connection.stream->set_peer(nullptr);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // What a startup packet is answered with.
  std::string greeting = sim::message('R', sim::int32(0)) +
                         sim::parameter_status("TimeZone", "UTC") +
                         sim::message('K', sim::int32(7) + sim::int32(8)) + sim::message('Z', "I");

  // On the connection made last, or on one of those before, the first being 0.
  void say(std::string_view bytes) { connections_.back().stream->write(bytes); }
  void say_on(std::size_t connection, std::string_view bytes) {
    connections_[connection].stream->write(bytes);
  }
  void finish() { connections_.back().stream->finish(); }
  // The types of what was heard on all since the last call, startup packets as '^'.
  std::string heard() { return std::exchange(heard_, {}); }
  // What began the connection made last, without its size.
  const std::string& first_packet() const { return first_packet_; }
  int connection_count() const { return static_cast<int>(connections_.size()); }

  Welcome welcome() const override { return Welcome::accept; }
  void accepted(std::shared_ptr<sim::Stream> stream) override {
    connections_.push_back({std::move(stream)});
  }
  void turn() override {
    for (Connection& connection : connections_) turn(connection);
  }

 private:
  struct Connection {
    std::shared_ptr<sim::Stream> stream;
    sim::Framer framer{true};
  };

  void turn(Connection& connection) {
    connection.framer.feed(connection.stream->read());
    while (const auto message = connection.framer.next()) {
      heard_ += message->type == 0 ? '^' : message->type;
      if (message->type != 0) continue;
      first_packet_ = message->body;
      connection.framer.started();
      connection.stream->write(greeting);
    }
    if (connection.stream->at_end()) connection.stream->finish();
  }

  std::vector<Connection> connections_;
  std::string heard_;
  std::string first_packet_;
};

}  // namespace pgweir
