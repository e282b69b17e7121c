#include "sim/request.h"

namespace pgweir::sim {

namespace {

std::string words_of(const Ask& ask) {
  using Kind = Ask::Kind;
  const std::string count = std::to_string(ask.count);
  switch (ask.kind) {
    case Kind::proof: return "proof " + count + " " + std::to_string(ask.size);
    case Kind::begin: return "begin";
    case Kind::commit: return "commit";
    case Kind::rollback: return "rollback";
    case Kind::savepoint: return "savepoint " + ask.name;
    case Kind::rollback_to: return "rollback to " + ask.name;
    case Kind::release: return "release " + ask.name;
    case Kind::set_local: return "set local " + ask.name + " = '" + ask.value + "'";
    case Kind::declare: return "declare " + ask.name + " cursor for proof " + count;
    case Kind::fetch: return "fetch " + count + " from " + ask.name;
    case Kind::close_cursor: return "close " + ask.name;
    case Kind::lock: return "select pg_advisory_xact_lock(" + ask.name + ")";
    case Kind::create_table: return "create temp table " + ask.name + " (a text) on commit drop";
    case Kind::notify: return "notify " + ask.name + ", 'hello'";
    case Kind::function_call: return "";
    case Kind::set: return "set " + ask.name + " = '" + ask.value + "'";
    case Kind::insert: return "insert " + ask.value;
    case Kind::error: return "error " + ask.value;
    case Kind::fail_at_bind: return "fail at bind";
    case Kind::syntax_error: return "no such statement";
    case Kind::notice: return "notice hello";
    case Kind::nothing: return "";
    case Kind::sleep: return "sleep " + count;
    case Kind::copy_in:
    case Kind::copy_abort: return "copy in";
    case Kind::copy_refused: return "copy in fail";
    case Kind::copy_out: return "copy out " + count;
    case Kind::keep_setting: return "set work_mem = '" + ask.value + "'";
    case Kind::keep_channel: return "listen " + ask.name;
    case Kind::keep_lock: return "select pg_advisory_lock(" + ask.name + ")";
    case Kind::keep_table: return "create temp table " + ask.name + " (a text)";
    case Kind::end_setting: return "reset work_mem";
    case Kind::end_channels: return "unlisten *";
    case Kind::end_locks: return "select pg_advisory_unlock_all()";
    case Kind::end_tables: return "discard temp";
    case Kind::deallocate: return "deallocate " + ask.name;
    case Kind::reset: return "reset " + ask.name;
    case Kind::discard_all: return "discard all";
  }
  return "";
}

}  // namespace

std::string tag_of(const Ask& ask, std::uint32_t client) {
  std::string text;
  text.reserve(64);
  text.append("/*c").append(std::to_string(client));
  return text.append(" r").append(std::to_string(ask.request)).append("*/");
}

std::string sql_of(const Ask& ask, std::uint32_t client) {
  if (ask.shared) return words_of(ask);
  return tag_of(ask, client).append(" ").append(words_of(ask));
}

std::string name_of(Owed::What what) {
  switch (what) {
    case Owed::What::query: return "Query";
    case Owed::What::parse:
    case Owed::What::prepare: return "Parse";
    case Owed::What::bind: return "Bind";
    case Owed::What::describe:
    case Owed::What::describe_statement: return "Describe";
    case Owed::What::execute: return "Execute";
    case Owed::What::close: return "Close";
    case Owed::What::sync: return "Sync";
  }
  return "?";
}

}  // namespace pgweir::sim
