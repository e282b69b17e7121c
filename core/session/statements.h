// Prepared statements by name. What a client calls by a name of its own is a definition: a text
// with parameter types, and what it is read by. A server knows it by a name made of a digest of all
// that, so it is the same on every server and at every machine. Invariants I-13 and I-14 of
// docs/invariants.md; PostgreSQL: "Message Flow", Extended Query.
//
// What is sent and not answered yet may come to nothing: a request that fails takes all that
// follows it in its batch along. So clients and servers keep what they would have to take back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/auth/vault.h"
#include "core/base/handle.h"
#include "core/base/limits.h"
#include "core/base/slot_map.h"
#include "core/session/session_state.h"

namespace pgweir::session {

// Long enough that nobody finds two definitions with one, short enough for a name of PostgreSQL's
// (NAMEDATALEN is 64).
using StatementDigest = std::array<std::byte, 24>;

struct Statement {
  StatementHandle self;
  std::string definition;  // as in a Parse behind the name: the text, a zero byte, the types
  std::string reading;     // as reading_of makes it
  StatementDigest digest{};
  std::uint32_t uses = 0;
  std::uint32_t plan = 1;  // Statements::plans_ when what it returns was found to have changed
  StateEffectsIfAny does;  // to its session, when it is executed
};

// The prefix and the digest in hexadecimal digits.
inline constexpr std::string_view server_name_prefix = "pgweir_";
inline constexpr std::size_t server_name_size =
    server_name_prefix.size() + 2 * std::tuple_size_v<StatementDigest>;
std::string server_name_of(const StatementDigest& digest);

// A definition is what a Parse has behind the name, and no more.
bool is_definition(std::string_view bytes);

// All definitions of a machine's clients, each once, for as long as somebody uses it. Two are the
// same only if they and what they are read by are the same byte by byte.
class Statements {
 public:
  // One use more. Empty definitions are definitions too.
  StatementHandle use(std::string_view definition, std::string_view reading,
                      const auth::Vault& vault, StateEffectsIfAny does);
  void use(StatementHandle statement);
  void release(StatementHandle statement);
  // What it returns has changed: no server can use it before it is prepared anew.
  void renew(StatementHandle statement);
  // Whether what was prepared by that plan still is what it should be.
  bool is_current(const StatementDigest& digest, std::uint32_t plan) const;
  const Statement& at(StatementHandle statement) const { return *statements_.find(statement); }
  // None: nobody uses it any more.
  const Statement* find(StatementHandle statement) const { return statements_.find(statement); }
  std::size_t size() const { return statements_.size(); }

 private:
  SlotMap<Statement, StatementHandle> statements_;
  // By views of their definitions and readings.
  std::map<std::pair<std::string_view, std::string_view>, StatementHandle> index_;
  std::uint32_t plans_ = 1;  // servers remember what they prepared for longer than clients do
  std::map<StatementDigest, std::uint32_t> renewed_;  // the plans of those that were
};

// What a client has prepared last without a name, as of what it has sent: to be prepared again
// where another client was.
class UnnamedStatement {
 public:
  // A Parse replaces it; its text comes in parts. does: to its session, when it is executed.
  void begin(std::size_t size, std::string_view first_part, StateEffectsIfAny does);
  // Of the Parse under way; nothing where all is there.
  void add(std::string_view part);
  // Close, or a simple query. False: that changes nothing.
  bool drop();
  // A simple query or Parse is refused that no server has heard of. Versions go on: what a server
  // still has is not taken for the next one. Requires: nothing is unanswered.
  void forget() {
    now_ = {};
    before_.clear();
  }
  // The oldest change is answered.
  void confirm();
  // So many of the oldest changes come to nothing. failed: the first was a Parse that was not
  // skipped, and PostgreSQL has dropped what was before.
  void take_back(std::size_t count, bool failed);

  bool none() const { return now_.size == 0; }
  bool too_long() const { return now_.too_long(); }
  bool whole() const { return !none() && now_.definition.size() == now_.size; }
  const std::string& definition() const { return now_.definition; }
  // None: nothing.
  const StateEffects* does() const { return now_.does.get(); }
  std::size_t size() const { return now_.size; }
  // Another one for each Parse, so that an older one that a server still has is not taken for this.
  std::uint64_t version() const { return now_.version; }

 private:
  struct Kept {
    std::string definition;  // as it comes; nothing where it is too long to be kept
    std::size_t size = 0;    // of all of it; 0: there is none
    std::uint64_t version = 0;
    StateEffectsIfAny does = {};
    bool lost = false;  // it was too long, with those beside it
    bool too_long() const { return lost || size > limits::unnamed_statement_size_max; }
    void lose() {
      lost = size > 0;
      definition = {};
    }
  };
  void bound_before();

  Kept now_;
  std::uint64_t versions_ = 0;
  std::vector<Kept> before_;  // what was, before each change that is not answered: the oldest first
};

// What the names of one client stand for, as of what it has sent.
class ClientStatements {
 public:
  std::optional<StatementHandle> find(std::string_view name) const;
  // limits::client_statements_size_max allows one more.
  bool has_room_for(std::string_view name, std::string_view definition) const;
  // Takes over one use. Requires: the name stands for nothing, and there is room.
  void add(std::string_view name, const Statement& statement);
  // The same definition, read by something else; takes over one use. Requires: the name stands for
  // one.
  void read_otherwise(std::string_view name, StatementHandle statement, Statements& all);
  // False: it stood for nothing, and nothing will be confirmed. as_well: it is one change with the
  // last.
  bool remove(std::string_view name, bool as_well = false);
  // The same of all there are.
  bool remove_all(bool as_well);
  // The oldest change is answered.
  void confirm(Statements& all);
  // None of those that are not answered will be.
  void take_back(Statements& all);
  void clear(Statements& all);
  std::size_t size() const { return names_.size(); }

 private:
  struct Change {
    std::string name;
    std::optional<StatementHandle> before;  // with its use
    bool more = false;                      // the next is part of it
  };
  void release(std::string_view name, StatementHandle statement, Statements& all);

  std::map<std::string, StatementHandle, std::less<>> names_;
  std::size_t bytes_ = 0;  // of all that is used, what is taken away and not answered included
  std::vector<Change> changes_;  // not answered, the oldest first
};

// What one server has prepared, as of what it was sent.
class ServerStatements {
 public:
  struct Listed {
    StatementDigest digest{};
    bool in_doubt = false;  // to be prepared anew before it is used
  };
  ServerStatements() = default;
  // As in_order gave them, at another machine.
  explicit ServerStatements(const std::vector<Listed>& listed);

  bool has(const StatementDigest& digest) const;
  // It has it, fit for use, and it is used now.
  bool use(const Statement& statement);
  // in_doubt: whether it is read by what it should be.
  void add(const Statement& statement, bool in_doubt);
  void remove(const StatementDigest& digest);
  // One change; false: there were none.
  bool remove_all();
  // The one used longest ago. Requires: there is one.
  StatementDigest oldest() const;
  void confirm();
  void take_back();
  // It may have any of them or not: each is closed before it is prepared anew.
  void doubt_all();
  // Those that were added since what is read by was known last may be read by something else.
  void doubt_fresh();
  void reading_is_known() { known_ = added_; }
  // The server says that it does not have it.
  void forget(const StatementDigest& digest);

  std::size_t size() const { return prepared_.size(); }
  // In the order of their use, the oldest first. all: of the machine where they were prepared.
  std::vector<Listed> in_order(const Statements& all) const;

 private:
  struct Prepared {
    StatementDigest digest{};
    std::uint64_t used = 0;   // counts up
    std::uint32_t plan = 1;   // of the statement, when it was prepared
    std::uint32_t added = 0;  // counts up
  };
  static constexpr std::uint32_t plan_in_doubt = 0;
  struct Change {
    Prepared what;
    bool added = false;
    bool more = false;  // the next is part of it
  };
  std::vector<Prepared>::iterator find(const StatementDigest& digest);
  std::vector<Prepared>::const_iterator find(const StatementDigest& digest) const;

  std::vector<Prepared> prepared_;
  std::vector<Change> changes_;  // not answered, the oldest first
  std::uint64_t uses_ = 0;
  std::uint32_t added_ = 0;
  std::uint32_t known_ = 0;  // of those up to this one is known what they are read by
};

}  // namespace pgweir::session
