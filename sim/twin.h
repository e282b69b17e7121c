// The same application connected straight to a PostgreSQL of its own (O-13): what it hears through
// the pooler must be what it would hear there, message by message, but for what cannot be the same:
// which backend answers and how often it has, cancel keys, proofs of identity, which minor protocol
// is spoken, and notices, which come when they like. What pgweir documents to be different ends the
// comparison, until the application connects anew: statements by name, and what is a matter of
// time: cancels and statement_timeout.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "sim/messages.h"
#include "sim/postgres.h"
#include "sim/request.h"
#include "sim/verdict.h"

namespace pgweir::sim {

class Twin {
 public:
  Twin(std::string who, std::string server_version, Verdict& verdict)
      : who_(std::move(who)), server_version_(std::move(server_version)), verdict_(verdict) {}
  ~Twin();
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

  // The application connects with this startup packet, says this, hears this.
  void connects(const std::string& packet);
  void says(const Part& part);
  void hears(const Message& message);
  void loses_connection();

 private:
  // As both sides must hear it; empty: of no interest.
  struct Side {
    std::map<std::string, std::string> reported;
    std::string seen(const Message& message);
  };
  void listen();

  std::string who_;
  std::string server_version_;
  Verdict& verdict_;
  std::unique_ptr<Postgres> postgres_;  // none: nothing is compared
  std::shared_ptr<Stream> stream_;
  Framer framer_{false};
  Side own_;                          // what the application hears
  Side direct_;                       // what it would hear
  std::deque<std::string> expected_;  // of that, and it has not heard it yet
};

}  // namespace pgweir::sim
