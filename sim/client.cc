#include "sim/client.h"

#include <algorithm>

namespace pgweir::sim {

namespace {

std::string columns_in(Body body) {
  std::string text;
  const int count = body.int16().value_or(0);
  for (int i = 0; i < count; ++i) {
    const std::int32_t size = body.int32().value_or(-1);
    const auto value = size < 0 ? std::nullopt : body.bytes(static_cast<std::size_t>(size));
    text += i > 0 ? "|" : "";
    text += value.value_or("NULL");
  }
  constexpr std::size_t shown_max = 60;
  return text.size() <= shown_max ? text : std::to_string(text.size()) + " bytes";
}

std::string word_for(const Message& message) {
  Body body(message.body);
  const auto with = [&](const std::string& detail) {
    return std::string(1, message.type) + "(" + detail + ")";
  };
  switch (message.type) {
    case 'Z': return with(std::string(message.body));
    case 'C': return with(std::string(body.text().value_or("?")));
    case 'E':
    case 'N': return with(error_field(message, 'C'));
    case 'S': {
      const std::string name(body.text().value_or("?"));
      return with(name + "=" + std::string(body.text().value_or("?")));
    }
    case 'D': return with(columns_in(body));
    case 'V': {
      const auto size = body.int32().value_or(-1);
      return with(size < 0 ? "NULL" : std::string(body.rest()));
    }
    case 'v': {
      std::string detail = std::to_string(body.int32().value_or(-1));
      body.int32();  // how many
      while (const auto option = body.text()) detail += "|" + std::string(*option);
      return with(detail);
    }
    case 'A': {
      body.int32();  // whose
      const std::string channel(body.text().value_or("?"));
      return with(channel + "|" + std::string(body.text().value_or("?")));
    }
    case 'd': return with(std::to_string(message.body.size()) + " bytes");
    default: return std::string(1, message.type);
  }
}

constexpr std::string_view known_types = "RSKZTDCENIGHWdc123stnAv";

}  // namespace

void Client::log_in(const LogIn& how) {
  password_ = how.password;
  Parameters parameters{{"user", how.user}, {"database", how.database}};
  parameters.insert(parameters.end(), how.more.begin(), how.more.end());
  say(startup(parameters));
}

void Client::say(std::string_view bytes) {
  if (bytes == ssl_request() || bytes == gss_request()) expects_byte_ = true;
  stream_->write(bytes);
}

void Client::turn() {
  if (!reading_ || ended_) return;
  framer_.feed(stream_->unread_by_peer());
  stream_->drop_unread();
  if (expects_byte_) {
    if (const auto byte = framer_.take_byte()) {
      expects_byte_ = false;
      write_down("'" + std::string(1, *byte) + "'");
    }
  }
  while (const auto message = framer_.next()) hear(*message);
  if (framer_.spoiled()) complaints_.push_back(name_ + " heard an impossible message length");
  if (!stream_->at_end()) return;
  ended_ = true;
  if (framer_.mid_message()) write_down("HALF");
  write_down("EOF");
  stream_->finish();
}

void Client::hear(const Message& message) {
  if (known_types.find(message.type) == std::string_view::npos) {
    complaints_.push_back(name_ + " heard a message of unknown type " + message.type);
  }
  if (message.type == 'R') return prove(message);
  Body body(message.body);
  if (message.type == 'S') {
    const std::string name(body.text().value_or("?"));
    std::erase_if(parameters_, [&](const auto& entry) { return entry.first == name; });
    parameters_.emplace_back(name, body.text().value_or("?"));
  }
  if (message.type == 'K') {
    pid_ = static_cast<std::uint32_t>(body.int32().value_or(0));
    secret_ = body.rest();
  }
  if (message.type == 'E') error_text_ = error_field(message, 'M');
  write_down(word_for(message));
  if (message.type == 'Z' && !logged_in_) {
    logged_in_ = true;
    login_text_ = heard();
  }
}

void Client::prove(const Message& message) {
  Body body(message.body);
  const std::int32_t kind = body.int32().value_or(-1);
  write_down("R(" + std::to_string(kind) + ")");
  if (kind == 10) {
    scram_.emplace(password_, "nonce-of-" + name_);
    const std::string first = scram_->first();
    const auto size = static_cast<std::int64_t>(first.size());
    say(sim::message('p', cstring("SCRAM-SHA-256") + int32(size) + first));
  } else if (kind == 11 && scram_) {
    if (const auto last = scram_->last(body.rest())) {
      say(sim::message('p', *last));
    } else {
      complaints_.push_back(name_ + " heard a SCRAM challenge that is none");
    }
  } else if (kind == 12 && scram_ && !scram_->right(body.rest())) {
    complaints_.push_back(name_ + " heard a wrong server signature");
  } else if (kind == 3) {
    say(sim::message('p', cstring(password_)));
  }
}

void Client::write_down(const std::string& word) {
  if (!words_.empty() && words_.back().first == word) {
    ++words_.back().second;
  } else {
    words_.emplace_back(word, 1);
  }
}

std::string Client::heard() {
  std::string text;
  for (const auto& [word, count] : words_) {
    if (!text.empty()) text += ' ';
    text += word;
    if (count > 1) text += "*" + std::to_string(count);
  }
  words_.clear();
  return text;
}

std::string Client::parameter(const std::string& name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameters::value_type::first);
  return found == parameters_.end() ? "" : found->second;
}

}  // namespace pgweir::sim
