// Both roles of SCRAM-SHA-256 (RFC 5802, section 5) as the simulated peers play them, over the toy
// vault's arithmetic. One object is one login.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgweir::sim {

// PostgreSQL's role.
class ScramServer {
 public:
  explicit ScramServer(std::string password) : password_(std::move(password)) {}

  // Nothing: the client's message is not what the protocol allows.
  std::optional<std::string> first(std::string_view client_first);
  // Nothing: the proof is wrong.
  std::optional<std::string> last(std::string_view client_final) const;

 private:
  std::string password_;
  std::string nonce_;
  std::string transcript_;  // client-first-message-bare "," server-first-message
};

// An application's role.
class ScramClient {
 public:
  ScramClient(std::string password, std::string nonce)
      : password_(std::move(password)), nonce_(std::move(nonce)) {}

  std::string first() const;
  std::optional<std::string> last(std::string_view server_first);
  bool right(std::string_view server_final) const;

 private:
  std::string password_;
  std::string nonce_;
  std::string signature_;  // what the server has to say
};

}  // namespace pgweir::sim
