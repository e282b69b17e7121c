#include "core/session/statements.h"

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "core/wire/reader.h"

namespace pgweir::session {

std::string server_name_of(const StatementDigest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name(server_name_prefix);
  name.reserve(server_name_size);
  for (const std::byte byte : digest) {
    name += digits[std::to_integer<std::size_t>(byte >> 4)];
    name += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return name;
}

bool is_definition(std::string_view bytes) {
  wire::Reader reader(bytes_of(bytes));
  reader.text();
  const std::uint16_t types = reader.u16();
  return !reader.failed() && reader.rest().size() == std::size_t{4} * types;
}

StatementHandle Statements::use(std::string_view definition, std::string_view reading,
                                const auth::Vault& vault, StateEffectsIfAny does) {
  const auto known = index_.find({definition, reading});
  if (known != index_.end()) {
    use(known->second);
    return known->second;
  }
  const auto [handle, made] = statements_.emplace();
  made->self = handle;
  made->definition = definition;
  made->reading = reading;
  made->uses = 1;
  made->does = std::move(does);
  const auth::Digest digest = vault.digest(bytes_of(join(reading, definition)));
  std::copy_n(digest.begin(), made->digest.size(), made->digest.begin());
  index_.emplace(std::pair(std::string_view(made->definition), std::string_view(made->reading)),
                 handle);
  return handle;
}

void Statements::use(StatementHandle statement) { ++statements_.find(statement)->uses; }

void Statements::release(StatementHandle handle) {
  Statement& statement = *statements_.find(handle);
  if (--statement.uses > 0) return;
  index_.erase({statement.definition, statement.reading});
  renewed_.erase(statement.digest);
  statements_.erase(handle);
}

void Statements::renew(StatementHandle handle) {
  Statement& statement = *statements_.find(handle);
  statement.plan = renewed_[statement.digest] = ++plans_;
}

bool Statements::is_current(const StatementDigest& digest, std::uint32_t plan) const {
  const auto renewed = renewed_.find(digest);
  return renewed == renewed_.end() || plan >= renewed->second;
}

void UnnamedStatement::begin(std::size_t size, std::string_view first_part,
                             StateEffectsIfAny does) {
  before_.push_back(std::move(now_));
  if (before_.size() > 1) bound_before();
  now_.size = size;
  now_.lost = false;
  now_.version = ++versions_;
  now_.does = std::move(does);
  now_.definition = too_long() ? std::string_view() : first_part;
}

void UnnamedStatement::bound_before() {
  std::size_t size = 0;
  for (const Kept& one : before_) size += one.definition.size();
  if (size <= limits::unnamed_statement_size_max) return;
  for (Kept& one : before_) one.lose();
}

void UnnamedStatement::add(std::string_view part) {
  if (now_.definition.size() < now_.size && !too_long()) now_.definition += part;
}

bool UnnamedStatement::drop() {
  if (none() && before_.empty()) return false;  // there is none even if what was said is skipped
  before_.push_back(std::exchange(now_, {}));
  return true;
}

void UnnamedStatement::confirm() {
  PGWEIR_REQUIRE(!before_.empty(), now_.size);
  before_.erase(before_.begin());
}

void UnnamedStatement::take_back(std::size_t count, bool failed) {
  PGWEIR_REQUIRE(count <= before_.size(), count, before_.size());
  if (count == 0) return;
  Kept was = failed ? Kept{} : std::move(before_.front());
  before_.erase(before_.begin(), before_.begin() + static_cast<std::ptrdiff_t>(count));
  (before_.empty() ? now_ : before_.front()) = std::move(was);
}

namespace {

// A name and what it stands for, with what a map takes for them.
std::size_t bytes_of_one(std::string_view name, std::string_view definition) {
  return 2 * name.size() + definition.size() + 128;
}

}  // namespace

bool ClientStatements::has_room_for(std::string_view name, std::string_view definition) const {
  return bytes_ + bytes_of_one(name, definition) <= limits::client_statements_size_max;
}

std::optional<StatementHandle> ClientStatements::find(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

void ClientStatements::add(std::string_view name, const Statement& statement) {
  PGWEIR_REQUIRE(!names_.contains(name), names_.size());
  names_.emplace(name, statement.self);
  bytes_ += bytes_of_one(name, statement.definition);
  changes_.push_back({std::string(name), std::nullopt});
}

void ClientStatements::read_otherwise(std::string_view name, StatementHandle statement,
                                      Statements& all) {
  all.release(std::exchange(names_.find(name)->second, statement));
}

void ClientStatements::release(std::string_view name, StatementHandle statement, Statements& all) {
  bytes_ -= bytes_of_one(name, all.at(statement).definition);
  all.release(statement);
}

bool ClientStatements::remove(std::string_view name, bool as_well) {
  const auto found = names_.find(name);
  if (found == names_.end()) return false;
  if (as_well) changes_.back().more = true;
  changes_.push_back({found->first, found->second});
  names_.erase(found);
  return true;
}

bool ClientStatements::remove_all(bool as_well) {
  if (names_.empty()) return false;
  if (as_well) changes_.back().more = true;
  for (const auto& [name, statement] : names_) changes_.push_back({name, statement, true});
  changes_.back().more = false;
  names_.clear();
  return true;
}

void ClientStatements::confirm(Statements& all) {
  for (bool more = true; more; changes_.erase(changes_.begin())) {
    PGWEIR_REQUIRE(!changes_.empty(), names_.size());
    const Change& change = changes_.front();
    if (change.before) release(change.name, *change.before, all);
    more = change.more;
  }
}

void ClientStatements::take_back(Statements& all) {
  for (; !changes_.empty(); changes_.pop_back()) {
    const Change& change = changes_.back();
    if (change.before) {
      names_.emplace(change.name, *change.before);
    } else {
      const auto added = names_.find(change.name);
      release(added->first, added->second, all);
      names_.erase(added);
    }
  }
}

void ClientStatements::clear(Statements& all) {
  take_back(all);
  for (const auto& [name, statement] : names_) release(name, statement, all);
  names_.clear();
}

std::vector<ServerStatements::Prepared>::iterator ServerStatements::find(
    const StatementDigest& digest) {
  return std::ranges::find(prepared_, digest, &Prepared::digest);
}

std::vector<ServerStatements::Prepared>::const_iterator ServerStatements::find(
    const StatementDigest& digest) const {
  return std::ranges::find(prepared_, digest, &Prepared::digest);
}

ServerStatements::ServerStatements(const std::vector<Listed>& listed) {
  for (const auto& [digest, in_doubt] : listed) {
    prepared_.push_back({digest, ++uses_, in_doubt ? plan_in_doubt : 1});
  }
}

bool ServerStatements::has(const StatementDigest& digest) const {
  return find(digest) != prepared_.end();
}

bool ServerStatements::use(const Statement& statement) {
  const auto found = find(statement.digest);
  if (found == prepared_.end() || found->plan < statement.plan) return false;
  found->used = ++uses_;
  return true;
}

void ServerStatements::add(const Statement& statement, bool in_doubt) {
  const std::uint32_t plan = in_doubt ? plan_in_doubt : statement.plan;
  prepared_.push_back({statement.digest, ++uses_, plan, ++added_});
  changes_.push_back({prepared_.back(), true});
}

void ServerStatements::remove(const StatementDigest& digest) {
  const auto found = find(digest);
  PGWEIR_REQUIRE(found != prepared_.end(), prepared_.size());
  changes_.push_back({*found, false});
  prepared_.erase(found);
}

StatementDigest ServerStatements::oldest() const {
  return std::ranges::min_element(prepared_, {}, &Prepared::used)->digest;
}

bool ServerStatements::remove_all() {
  if (prepared_.empty()) return false;
  for (const Prepared& one : prepared_) changes_.push_back({one, false, true});
  changes_.back().more = false;
  prepared_.clear();
  return true;
}

void ServerStatements::confirm() {
  for (bool more = true; more; changes_.erase(changes_.begin())) {
    PGWEIR_REQUIRE(!changes_.empty(), prepared_.size());
    more = changes_.front().more;
  }
}

void ServerStatements::take_back() {
  for (; !changes_.empty(); changes_.pop_back()) {
    const Change& change = changes_.back();
    if (change.added) {
      forget(change.what.digest);
    } else {
      prepared_.push_back(change.what);
    }
  }
}

void ServerStatements::doubt_all() {
  for (Prepared& one : prepared_) one.plan = plan_in_doubt;
}

void ServerStatements::doubt_fresh() {
  for (Prepared& one : prepared_) {
    if (one.added > known_) one.plan = plan_in_doubt;
  }
}

void ServerStatements::forget(const StatementDigest& digest) {
  const auto found = find(digest);
  if (found != prepared_.end()) prepared_.erase(found);
}

std::vector<ServerStatements::Listed> ServerStatements::in_order(const Statements& all) const {
  std::vector<Prepared> prepared = prepared_;
  std::ranges::sort(prepared, {}, &Prepared::used);
  std::vector<Listed> listed;
  for (const Prepared& one : prepared) {
    const bool fit = one.plan != plan_in_doubt && all.is_current(one.digest, one.plan);
    listed.push_back({one.digest, !fit});
  }
  return listed;
}

}  // namespace pgweir::session
