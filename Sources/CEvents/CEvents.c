#define _GNU_SOURCE
#include "CEvents.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RESULT(call)             \
  do {                           \
    int result = (call);         \
    return result < 0 ? -errno : result; \
  } while (0)

int cevents_create(void) { RESULT(epoll_create1(EPOLL_CLOEXEC)); }

int cevents_add(int poller, int fd, uint32_t interest, uint64_t token) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  if (interest & CEVENTS_READABLE) event.events |= EPOLLIN;
  if (interest & CEVENTS_WRITABLE) event.events |= EPOLLOUT;
  if (interest & CEVENTS_PEER_CLOSED) event.events |= EPOLLRDHUP;
  if (interest & CEVENTS_EDGE) event.events |= EPOLLET;
  if (interest & CEVENTS_EXCLUSIVE) event.events |= EPOLLEXCLUSIVE;
  event.data.u64 = token;
  RESULT(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event));
}

int cevents_remove(int poller, int fd) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  RESULT(epoll_ctl(poller, EPOLL_CTL_DEL, fd, &event));
}

int cevents_wait(int poller, struct cevents_ready *ready, int capacity, int timeout) {
  struct epoll_event events[256];
  if (capacity > 256) capacity = 256;
  int count = epoll_wait(poller, events, capacity, timeout);
  if (count < 0) return -errno;
  for (int i = 0; i < count; i++) {
    uint32_t from = events[i].events, to = 0;
    if (from & EPOLLIN) to |= CEVENTS_READABLE;
    if (from & EPOLLOUT) to |= CEVENTS_WRITABLE;
    if (from & EPOLLRDHUP) to |= CEVENTS_PEER_CLOSED;
    if (from & (EPOLLHUP | EPOLLERR)) to |= CEVENTS_HUNG_UP;
    ready[i].token = events[i].data.u64;
    ready[i].events = to;
  }
  return count;
}

int cevents_wakeup_create(void) { RESULT(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

int cevents_wakeup_signal(int fd) {
  uint64_t one = 1;
  RESULT((int)write(fd, &one, sizeof one));
}

int cevents_wakeup_clear(int fd) {
  uint64_t count;
  RESULT((int)read(fd, &count, sizeof count));
}

int cevents_accept(int listener, struct cevents_peer *peer) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  memset(peer, 0, sizeof *peer);
  peer->family = 1;
  if (address.ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
    peer->family = 4;
    peer->port = ntohs(in->sin_port);
    peer->low = 0xffff00000000ull | ntohl(in->sin_addr.s_addr);
  } else if (address.ss_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&address;
    peer->family = 6;
    peer->port = ntohs(in->sin6_port);
    for (int i = 0; i < 8; i++) peer->high = peer->high << 8 | in->sin6_addr.s6_addr[i];
    for (int i = 8; i < 16; i++) peer->low = peer->low << 8 | in->sin6_addr.s6_addr[i];
  }
  return fd;
}

int cevents_no_delay(int fd) {
  int one = 1;
  RESULT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
}

int cevents_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  RESULT(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

int64_t cevents_receive(int fd, void *bytes, size_t count) {
  ssize_t result = recv(fd, bytes, count, 0);
  return result < 0 ? -errno : result;
}

int64_t cevents_peek(int fd, void *bytes, size_t count) {
  ssize_t result = recv(fd, bytes, count, MSG_PEEK);
  return result < 0 ? -errno : result;
}

void cevents_ignore_broken_pipes(void) { signal(SIGPIPE, SIG_IGN); }

int64_t cevents_send(int fd, const void *bytes, size_t count) {
  ssize_t result = send(fd, bytes, count, MSG_NOSIGNAL);
  return result < 0 ? -errno : result;
}

int cevents_wait_readable(int fd, int64_t nanoseconds) {
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  RESULT(ppoll(&waiting, 1, &time, NULL));
}

int cevents_shutdown_write(int fd) { RESULT(shutdown(fd, SHUT_WR)); }

static int64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t cevents_monotonic(void) { return nanoseconds(CLOCK_MONOTONIC); }
int64_t cevents_monotonic_coarse(void) { return nanoseconds(CLOCK_MONOTONIC_COARSE); }
int64_t cevents_wall_seconds(void) { return nanoseconds(CLOCK_REALTIME_COARSE) / 1000000000; }
