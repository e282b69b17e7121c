// A simulated application: connects, logs in, says what a test gives it, and writes down what it
// hears as a short text. Every message it hears is checked for shape.
//
// The text, one word a message: the type letter, with the part that matters in parentheses:
// Z(I), C(SELECT 1), E(57014), N(00000), S(TimeZone=UTC), D(a|b), d(6 bytes), A(channel|payload);
// "D(x)*500" is 500 times the same; EOF when the pooler has closed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/messages.h"
#include "sim/network.h"
#include "sim/scram.h"

namespace pgweir::sim {

struct LogIn {
  std::string user = "ann";
  std::string database = "db";
  std::string password = {};  // empty: none to give
  Parameters more = {};
};

class Client : public Peer {
 public:
  // name: for complaints, and its nonce.
  Client(std::shared_ptr<Stream> stream, std::string name)
      : stream_(std::move(stream)), name_(std::move(name)) {
    stream_->set_peer(this);
  }
  ~Client() override { stream_->set_peer(nullptr); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void log_in(const LogIn& how);
  void say(std::string_view bytes);
  void read(bool on) { reading_ = on; }
  void finish() { stream_->finish(); }  // will say no more, still hears
  void vanish() { stream_->reset(); }

  // What was heard since the last call; what belongs to a login that went well is left out.
  std::string heard();
  // What a login that went well said, or the text so far.
  const std::string& login() const { return login_text_; }
  // The M field of the last error.
  const std::string& error_text() const { return error_text_; }
  bool logged_in() const { return logged_in_; }
  bool ended() const { return ended_; }
  std::uint32_t pid() const { return pid_; }
  const std::string& secret() const { return secret_; }
  // As last reported.
  std::string parameter(const std::string& name) const;
  const std::vector<std::string>& complaints() const { return complaints_; }

  void turn() override;

 private:
  void hear(const Message& message);
  void prove(const Message& message);
  void write_down(const std::string& word);

  std::shared_ptr<Stream> stream_;
  std::string name_;
  Framer framer_{false};
  bool reading_ = true;
  bool expects_byte_ = false;  // the answer to an SSLRequest
  bool logged_in_ = false;
  bool ended_ = false;
  std::string password_;
  std::optional<ScramClient> scram_;
  std::uint32_t pid_ = 0;
  std::string secret_;
  Parameters parameters_;
  std::vector<std::pair<std::string, int>> words_;
  std::string login_text_;
  std::string error_text_;
  std::vector<std::string> complaints_;
};

}  // namespace pgweir::sim
