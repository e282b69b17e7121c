#include "tests/integration/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "core/base/bytes.h"

namespace pgweir::integration {

namespace {

bool wait_for(int socket, short what) {
  if (socket < 0) return false;
  pollfd entry{socket, what, 0};
  const auto at_most = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  return poll(&entry, 1, static_cast<int>(at_most.count())) > 0;
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  return bytes.size() < at + 4 ? 0 : load_u32(bytes_of(bytes.substr(at, 4)));
}

}  // namespace

std::string int32(std::uint32_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
          static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string message(char type, std::string_view body) {
  std::string bytes(1, type);
  bytes += int32(static_cast<std::uint32_t>(body.size() + 4));
  bytes += body;
  return bytes;
}

std::string startup(std::uint32_t version, const StartupParameters& parameters) {
  std::string body = int32(version);
  for (const auto& [name, value] : parameters) body += name + '\0' + value + '\0';
  body += '\0';
  return int32(static_cast<std::uint32_t>(body.size() + 4)) + body;
}

std::string cancel_request(std::uint32_t pid, std::string_view secret) {
  return int32(static_cast<std::uint32_t>(12 + secret.size())) + int32(80877102) + int32(pid) +
         std::string(secret);
}

std::string query(std::string_view sql) { return message('Q', std::string(sql) + '\0'); }

std::string request(std::uint32_t code) { return int32(8) + int32(code); }

std::string error_field(const Message& error, char field) {
  for (std::size_t at = 0; at < error.body.size() && error.body[at] != '\0';) {
    const std::size_t end = error.body.find('\0', at + 1);
    if (end == std::string::npos) break;
    if (error.body[at] == field) return error.body.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  return "";
}

std::string types(const std::vector<Message>& messages) {
  std::string text;
  for (const Message& each : messages) text += each.type;
  return text;
}

RawClient::RawClient(int port, const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) close();
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawClient::~RawClient() { close(); }

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      parameters_(std::move(other.parameters_)),
      key_pid_(other.key_pid_),
      key_secret_(std::move(other.key_secret_)) {}

bool RawClient::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    if (!wait_for(socket_, POLLOUT)) return false;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string RawClient::read(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size && wait_for(socket_, POLLIN)) {
    const ssize_t count = recv(socket_, bytes.data() + got, size - got, 0);
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

std::optional<Message> RawClient::read_message() {
  const std::string head = read(5);
  if (head.size() < 5) return std::nullopt;
  const std::uint32_t size = number_at(head, 1);
  std::string body = read(size - 4);
  if (size < 4 || body.size() != size - 4) return std::nullopt;
  return Message{head[0], std::move(body)};
}

std::vector<Message> RawClient::read_until_ready() {
  std::vector<Message> messages;
  while (std::optional<Message> next = read_message()) {
    messages.push_back(std::move(*next));
    if (messages.back().type == 'Z') break;
  }
  return messages;
}

bool RawClient::at_end() {
  char bytes[65536];
  while (wait_for(socket_, POLLIN)) {
    if (recv(socket_, bytes, sizeof bytes, 0) <= 0) return true;
  }
  return false;
}

bool RawClient::readable() const {
  pollfd entry{socket_, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

bool RawClient::log_in(const std::string& user, const std::string& database,
                       const StartupParameters& more, std::uint32_t version) {
  StartupParameters all = {{"user", user}, {"database", database}};
  all.insert(all.end(), more.begin(), more.end());
  if (!send(startup(version, all))) return false;
  const std::vector<Message> answers = read_until_ready();
  for (const Message& answer : answers) {
    if (answer.type == 'S') {
      const std::size_t middle = answer.body.find('\0');
      parameters_[answer.body.substr(0, middle)] =
          answer.body.substr(middle + 1, answer.body.size() - middle - 2);
    } else if (answer.type == 'K') {
      key_pid_ = number_at(answer.body, 0);
      key_secret_ = answer.body.substr(4);
    }
  }
  return !answers.empty() && answers.back().type == 'Z';
}

std::vector<Message> RawClient::ask(std::string_view sql) {
  if (!send(query(sql))) return {};
  return read_until_ready();
}

std::string RawClient::value(std::string_view sql) {
  std::string text = "no answer";
  for (const Message& answer : ask(sql)) {
    if (answer.type == 'E') {
      return "ERROR " + error_field(answer, 'C') + ": " + error_field(answer, 'M');
    }
    // DataRow: the number of columns, then for each its size and bytes.
    if (answer.type == 'D') text = answer.body.substr(6, number_at(answer.body, 2));
    if (answer.type == 'C' && text == "no answer")
      text = answer.body.substr(0, answer.body.find('\0'));
  }
  return text;
}

void RawClient::stop_sending() const { shutdown(socket_, SHUT_WR); }

void RawClient::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawClient::reset() {
  const linger at_once{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

}  // namespace pgweir::integration
