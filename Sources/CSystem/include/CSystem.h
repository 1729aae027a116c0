/// What Glibc's Swift overlay leaves out, or marks unavailable, as plain functions.
///
/// Each wrapper does one system call, reports failure as the call itself does (-1 and errno) and keeps no state of its own
/// unless its comment says so.
#ifndef MARTLET_CSYSTEM_H
#define MARTLET_CSYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/// fork(2). Swift marks it unavailable because most programs have threads; the arbiter has exactly one.
pid_t martlet_fork(void);

/// How many threads the calling process has (entries of /proc/self/task), or -1.
int martlet_thread_count(void);

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC.
int martlet_accept(int listener, struct sockaddr *address, socklen_t *length);

/// prctl(PR_SET_PDEATHSIG): the signal the caller gets when the thread that forked it ends.
int martlet_set_parent_death_signal(int signal_number);

/// prctl(PR_SET_NO_NEW_PRIVS): no program that the caller starts can gain privileges, by a setuid bit or otherwise.
int martlet_no_new_privileges(void);

/// prctl(PR_SET_NAME): the name shown by `ps -o comm`, cut to 15 bytes by the kernel.
int martlet_set_process_name(const char *name);

/// Overwrites the command line shown by `ps`. Moves the environment out of the way first, so call it while the process has
/// one thread. Silently cuts what does not fit the space that the kernel gave argv and environ.
void martlet_set_process_title(const char *title);

/// Blocks `count` signals and gives a non-blocking, close-on-exec signalfd(2) that reports them.
int martlet_signal_descriptor(const int *signals, size_t count);

/// The next signal waiting on a signalfd, 0 when there is none, -1 on failure.
int martlet_next_signal(int descriptor);

/// Gives every signal its default action (SIGPIPE stays ignored) and unblocks all, as a fresh process would have.
int martlet_reset_signals(void);

/// Ignores SIGPIPE, so that writing to a closed socket is an error number and not a death.
int martlet_ignore_sigpipe(void);

/// A listening TCP socket takes no new handshake from here on, in any process that has it; what has begun one is still accepted.
int martlet_refuse_handshakes(int listener);

/// pipe2(2) with O_CLOEXEC | O_NONBLOCK: the end to read from, then the end to write to.
int martlet_pipe(int ends[2]);

/// A non-blocking, close-on-exec eventfd(2) that starts at zero.
int martlet_event_descriptor(void);

/// CLOCK_MONOTONIC in nanoseconds: the same clock in every process of the machine.
uint64_t martlet_monotonic_nanoseconds(void);

/// Puts the calling thread under SCHED_IDLE (sched(7)): it runs only where no other thread wants the core. 0, or -1 with errno.
int martlet_use_idle_policy(void);

/// Takes on a user and its groups for good: setgroups or initgroups, setgid, setuid, in that order.
/// `user_name` may be NULL, and then supplementary groups are dropped.
int martlet_drop_privileges(uid_t user, gid_t group, const char *user_name);

/// True for a status of waitpid(2) that says the process ended by exit; its code is `martlet_exit_status`.
bool martlet_did_exit(int status);
/// The exit code in a status for which `martlet_did_exit` is true.
int martlet_exit_status(int status);
/// True for a status that says a signal ended the process; its number is `martlet_termination_signal`.
bool martlet_was_signalled(int status);
/// The signal in a status for which `martlet_was_signalled` is true.
int martlet_termination_signal(int status);

/// Ends the process at once: no atexit handlers, no flushing of buffers inherited from the parent.
void martlet_exit_now(int code) __attribute__((noreturn));

/// The process environment, for execve(2).
char *const *martlet_environment(void);

/// Runs `/bin/sh -c command` in a session of its own, with default signals, nothing open but an empty standard input and
/// `output`, and the present environment. `variables` are `size` bytes of `NAME=VALUE`, each with its zero byte, that stand
/// before it. Returns its process, or -1 with errno.
pid_t martlet_spawn_shell(const char *command, const char *variables, size_t size, int output);

/// Runs this very program anew and waits for its end: `words` are `size` bytes of arguments, each with its zero byte, the program's
/// own name first. Its standard output leads nowhere, all else is inherited. No thread is made here, so the caller may fork
/// afterwards. Returns a status as of waitpid(2), or -1 with errno.
int martlet_run_self(const char *words, size_t size);

/// Gives this thread, and those that it will start, the class of batch work (SCHED_BATCH, sched(7)): they never interrupt another
/// that runs. Where that is not permitted, nothing changes.
void martlet_become_batch_work(void);

/// Connects to a Unix-domain stream socket. Returns its descriptor, or -1 with errno.
int martlet_connect_unix(const char *path);

#endif
