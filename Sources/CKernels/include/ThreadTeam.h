#pragma once

/// Threads that do the parts of one job after another together with who asks.
///
/// They spin for some ten microseconds between two jobs and then sleep, so that the many short jobs of a
/// forward pass find them awake, and an idle process takes no time. Whoever asks takes every part that
/// nobody has begun, so that it never waits for a thread that wakes up late.
typedef struct martlet_team martlet_team;

/// A team of so many threads beside the caller's, all signals blocked in them; fewer where the system gives
/// no more. Null where there is no memory.
martlet_team *martlet_team_start(int helpers);
/// Runs `body` for each index in [0, count) and returns when all have run. What a call writes is seen by
/// the caller. On the caller's thread alone where the team has a job already: its parts may ask again,
/// and so may other threads.
void martlet_team_run(martlet_team *team, long count, void (*body)(void *context, long index),
                      void *context);
/// Ends the threads. Nobody may ask any more.
void martlet_team_end(martlet_team *team);
