// How several threads share one job after another.
//
// A job is open while its parts are being taken. A helper counts itself in before it looks whether one is
// open, and out when it has found no part left; the caller closes the job and waits until nobody is in. So
// what a helper reads of a job stays until it is out, and a helper that is late finds the job closed.
#define _GNU_SOURCE
#include "ThreadTeam.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

// How long a helper without a job stays awake.
#define SPIN_NANOSECONDS 100000

struct martlet_team {
  void (*body)(void *, long);
  void *context;
  long count;
  int helpers;
  pthread_t *threads;
  pthread_mutex_t mutex;
  pthread_cond_t wakes;
  // Lines of their own: who spins on one must not slow who writes another.
  _Alignas(64) atomic_long next;
  _Alignas(64) atomic_uint jobs;
  atomic_int is_open, ends;
  _Alignas(64) atomic_int inside;
  _Alignas(64) atomic_int sleepers;
  atomic_flag is_busy;
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void take_parts(martlet_team *team) {
  for (;;) {
    long index = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
    if (index >= team->count) return;
    team->body(team->context, index);
  }
}

static void sleep_until_asked(martlet_team *team, unsigned seen) {
  pthread_mutex_lock(&team->mutex);
  // Before the look at `jobs`, as `ask` changes that before it looks at `sleepers`.
  atomic_fetch_add(&team->sleepers, 1);
  while (atomic_load(&team->jobs) == seen) pthread_cond_wait(&team->wakes, &team->mutex);
  atomic_fetch_sub(&team->sleepers, 1);
  pthread_mutex_unlock(&team->mutex);
}

static void wait_for_job(martlet_team *team, unsigned seen) {
  for (long end = 0;;) {
    for (int round = 0; round < 64; round++) {
      if (atomic_load_explicit(&team->jobs, memory_order_acquire) != seen) return;
      relax();
    }
    long now = nanoseconds();
    if (end == 0) end = now + SPIN_NANOSECONDS;
    else if (now > end) break;
  }
  sleep_until_asked(team, seen);
}

static void *help(void *argument) {
  martlet_team *team = argument;
  pthread_setname_np(pthread_self(), "compute-team");
  for (unsigned seen = 0;;) {
    wait_for_job(team, seen);
    seen = atomic_load(&team->jobs);
    if (atomic_load(&team->ends)) return 0;
    atomic_fetch_add(&team->inside, 1);
    if (atomic_load(&team->is_open)) take_parts(team);
    atomic_fetch_sub(&team->inside, 1);
  }
}

static void ask(martlet_team *team) {
  atomic_fetch_add(&team->jobs, 1);
  if (atomic_load(&team->sleepers) == 0) return;
  pthread_mutex_lock(&team->mutex);
  pthread_cond_broadcast(&team->wakes);
  pthread_mutex_unlock(&team->mutex);
}

martlet_team *martlet_team_start(int helpers) {
  martlet_team *team = aligned_alloc(64, (sizeof(martlet_team) + 63) / 64 * 64);
  pthread_t *threads = calloc((size_t)(helpers > 0 ? helpers : 1), sizeof(pthread_t));
  if (!team || !threads) {
    free(team);
    free(threads);
    return 0;
  }
  *team = (martlet_team){.threads = threads};
  pthread_mutex_init(&team->mutex, 0);
  pthread_cond_init(&team->wakes, 0);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (team->helpers < helpers &&
         pthread_create(&threads[team->helpers], 0, help, team) == 0)
    team->helpers++;
  pthread_sigmask(SIG_SETMASK, &before, 0);
  return team;
}

void martlet_team_run(martlet_team *team, long count, void (*body)(void *, long), void *context) {
  if (atomic_flag_test_and_set(&team->is_busy)) {
    for (long index = 0; index < count; index++) body(context, index);
    return;
  }
  team->body = body;
  team->context = context;
  team->count = count;
  atomic_store_explicit(&team->next, 0, memory_order_relaxed);
  atomic_store(&team->is_open, 1);
  ask(team);
  take_parts(team);
  atomic_store(&team->is_open, 0);
  for (long round = 0; atomic_load(&team->inside) != 0; round++) {
    // A helper that others have pushed off its core does not come back faster for our looking.
    if (round < 20000) relax();
    else sched_yield();
  }
  atomic_flag_clear(&team->is_busy);
}

void martlet_team_end(martlet_team *team) {
  atomic_store(&team->ends, 1);
  ask(team);
  for (int i = 0; i < team->helpers; i++) pthread_join(team->threads[i], 0);
  pthread_cond_destroy(&team->wakes);
  pthread_mutex_destroy(&team->mutex);
  free(team->threads);
  free(team);
}
