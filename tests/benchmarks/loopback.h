// What the benchmarks' programs need of sockets: one host, IPv4, and errors that end the program.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string_view>

namespace pgweir::benchmarks {

// Ends the program and says what failed, with errno's reason.
[[noreturn]] void fail(const char* what);

// Of a call that failed: it is no error, only too early.
bool must_wait();

// Ends the program when it is not one.
sockaddr_in endpoint(const char* address, std::string_view port);

// Several listeners may share a port; the kernel spreads connections over them.
int listen_at(const sockaddr_in& where);

// Waits until it is connected; negative, with errno, when it cannot be.
int connect_to(const sockaddr_in& where);

void send_without_delay(int socket);

// epoll_ctl; tag is what epoll_wait will say of the socket.
void watch(int epoll, int operation, int socket, std::uint32_t events, void* tag);

}  // namespace pgweir::benchmarks
