// Counts a program's socket calls exactly: a library to preload into it.
//
//   COUNT_CALLS_FILE=counts LD_PRELOAD=libcount_calls.so PROGRAM …
//
// The counters are the 64-bit integers of enum Counter, in its order, in a file that both sides map
// (tests/benchmarks/call_count reads it while the program runs). Calls on what is not a socket
// (eventfd, log file) count as well: there are none on the hot path.
#undef _FORTIFY_SOURCE  // its inline recv and read would stand where ours must
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

enum Counter : std::uint8_t { receives, sends, epoll_controls, epoll_waits, would_blocks, count };

using Counters = std::array<std::atomic<std::uint64_t>, count>;

Counters* map_counters() {
  const char* path = std::getenv("COUNT_CALLS_FILE");
  const int file = path != nullptr ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0 || ftruncate(file, sizeof(Counters)) < 0) {
    std::perror("count_calls: COUNT_CALLS_FILE must name a writable file");
    _exit(2);
  }
  void* memory = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) {
    std::perror("count_calls: mmap");
    _exit(2);
  }
  close(file);
  return static_cast<Counters*>(memory);
}

void add(Counter counter) {
  static Counters& counters = *map_counters();
  counters[counter].fetch_add(1, std::memory_order_relaxed);
}

// The C library's own, which ours stands in front of.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Counts a call by its result, which it passes on, and errno with it.
template <class Result>
Result counted(Counter counter, Result result) {
  const int error = errno;
  add(counter);
  if (result < 0 && (error == EAGAIN || error == EWOULDBLOCK)) add(would_blocks);
  errno = error;
  return result;
}

}  // namespace

#define NEXT(function) static auto* const original = next<decltype(function)>(#function)

extern "C" {

// What recv and read become where the compiler knows the buffer's size (_FORTIFY_SOURCE).
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags);
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room);

ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  NEXT(recv);
  return counted(receives, original(fd, buffer, size, flags));
}
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags) {
  NEXT(__recv_chk);
  return counted(receives, original(fd, buffer, size, room, flags));
}
ssize_t recvmsg(int fd, msghdr* message, int flags) {
  NEXT(recvmsg);
  return counted(receives, original(fd, message, flags));
}
ssize_t read(int fd, void* buffer, size_t size) {
  NEXT(read);
  return counted(receives, original(fd, buffer, size));
}
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room) {
  NEXT(__read_chk);
  return counted(receives, original(fd, buffer, size, room));
}
ssize_t readv(int fd, const iovec* parts, int part_count) {
  NEXT(readv);
  return counted(receives, original(fd, parts, part_count));
}

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  NEXT(send);
  return counted(sends, original(fd, bytes, size, flags));
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  NEXT(sendmsg);
  return counted(sends, original(fd, message, flags));
}
ssize_t write(int fd, const void* bytes, size_t size) {
  NEXT(write);
  return counted(sends, original(fd, bytes, size));
}
ssize_t writev(int fd, const iovec* parts, int part_count) {
  NEXT(writev);
  return counted(sends, original(fd, parts, part_count));
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  NEXT(epoll_ctl);
  return counted(epoll_controls, original(epoll, operation, fd, event));
}
int epoll_wait(int epoll, epoll_event* events, int events_max, int timeout) {
  NEXT(epoll_wait);
  return counted(epoll_waits, original(epoll, events, events_max, timeout));
}
int epoll_pwait(int epoll, epoll_event* events, int events_max, int timeout,
                const sigset_t* signals) {
  NEXT(epoll_pwait);
  return counted(epoll_waits, original(epoll, events, events_max, timeout, signals));
}

// How pgweir calls past the C library. A call has at most six arguments.
long syscall(long number, ...) noexcept {
  NEXT(syscall);
  va_list list;
  va_start(list, number);
  std::array<long, 6> arguments{};
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  const long result = original(number, arguments[0], arguments[1], arguments[2], arguments[3],
                               arguments[4], arguments[5]);
  if (number == SYS_recvfrom || number == SYS_recvmsg) return counted(receives, result);
  if (number == SYS_sendto || number == SYS_sendmsg) return counted(sends, result);
  return result;
}

}  // extern "C"
