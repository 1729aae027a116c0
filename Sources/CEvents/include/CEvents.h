#pragma once

// The event and socket calls of Linux that Swift's Glibc module leaves out.
// Every function returns what the system call returned, or -errno.

#include <stddef.h>
#include <stdint.h>

/// What one descriptor is ready for.
struct cevents_ready {
  uint64_t token;
  uint32_t events;
};

/// Bits of cevents_ready.events and of the interest given to cevents_add.
enum {
  CEVENTS_READABLE = 1,
  CEVENTS_WRITABLE = 2,
  /// The peer has shut down its writing side.
  CEVENTS_PEER_CLOSED = 4,
  /// The connection is gone in both directions, or failed.
  CEVENTS_HUNG_UP = 8,
  /// Interest only: report changes, not levels.
  CEVENTS_EDGE = 16,
  /// Interest only: wake one of the processes that share a listener.
  CEVENTS_EXCLUSIVE = 32,
};

/// Address of a peer: family, port and the 16 bytes of an IPv6 or IPv4-mapped address.
struct cevents_peer {
  uint64_t high;
  uint64_t low;
  uint16_t port;
  /// 4, 6, or 1 for a Unix-domain socket.
  uint8_t family;
};

int cevents_create(void);
int cevents_add(int poller, int fd, uint32_t interest, uint64_t token);
int cevents_remove(int poller, int fd);
/// Waits at most `timeout` milliseconds; capacity is at most 256.
int cevents_wait(int poller, struct cevents_ready *ready, int capacity, int timeout);

int cevents_wakeup_create(void);
int cevents_wakeup_signal(int fd);
int cevents_wakeup_clear(int fd);

/// Accepts one connection, non-blocking and closed on exec.
int cevents_accept(int listener, struct cevents_peer *peer);
/// Switches off Nagle's delay; connections accepted from a listener inherit it.
int cevents_no_delay(int fd);
int cevents_nonblocking(int fd);
int64_t cevents_receive(int fd, void *bytes, size_t count);
/// Reads without taking.
int64_t cevents_peek(int fd, void *bytes, size_t count);
/// Writes to a closed connection fail instead of ending the process.
void cevents_ignore_broken_pipes(void);
int64_t cevents_send(int fd, const void *bytes, size_t count);
/// Waits until one descriptor is readable, at most so many nanoseconds.
int cevents_wait_readable(int fd, int64_t nanoseconds);
int cevents_shutdown_write(int fd);

/// Nanoseconds of the monotonic clock, precise or as of the last tick.
int64_t cevents_monotonic(void);
int64_t cevents_monotonic_coarse(void);
/// Seconds since 1970, as of the last tick.
int64_t cevents_wall_seconds(void);
