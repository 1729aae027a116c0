#define _GNU_SOURCE
#include "CSystem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

pid_t martlet_fork(void) { return fork(); }

void martlet_become_batch_work(void) {
  const struct sched_param none = {0};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

int martlet_thread_count(void) {
  DIR *tasks = opendir("/proc/self/task");
  if (tasks == NULL) return -1;
  int count = 0;
  for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
    if (entry->d_name[0] != '.') count += 1;
  }
  closedir(tasks);
  return count;
}

int martlet_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int martlet_set_parent_death_signal(int signal_number) {
  return prctl(PR_SET_PDEATHSIG, (unsigned long)signal_number, 0UL, 0UL, 0UL);
}

int martlet_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL); }

int martlet_set_process_name(const char *name) { return prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL); }

static char *title_start = NULL;
static size_t title_capacity = 0;
static int argument_count = 0;
static char **argument_vector = NULL;

// glibc hands constructors the arguments of main, which Swift's own CommandLine only gives as a copy.
__attribute__((constructor)) static void remember_arguments(int argc, char **argv) {
  argument_count = argc;
  argument_vector = argv;
}

// argv and environ lie back to back in one block; the title may fill it once environ has been copied elsewhere.
static void claim_title_space(void) {
  if (argument_vector == NULL || argument_count < 1) return;
  char *end = argument_vector[0];
  for (int i = 0; i < argument_count; i++) {
    if (argument_vector[i] == end) end += strlen(end) + 1;
  }
  for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
    bool contiguous = *variable == end;
    size_t length = strlen(*variable) + 1;
    char *copy = strdup(*variable);
    if (copy == NULL) break;
    *variable = copy;
    if (contiguous) end += length;
  }
  title_start = argument_vector[0];
  title_capacity = (size_t)(end - title_start);
}

void martlet_set_process_title(const char *title) {
  if (title_start == NULL) claim_title_space();
  if (title_start == NULL || title_capacity < 2) return;
  size_t length = strnlen(title, title_capacity - 1);
  memset(title_start, 0, title_capacity);
  memcpy(title_start, title, length);
}

int martlet_signal_descriptor(const int *signals, size_t count) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < count; i++) {
    if (sigaddset(&set, signals[i]) != 0) return -1;
  }
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int martlet_next_signal(int descriptor) {
  struct signalfd_siginfo information;
  ssize_t size = read(descriptor, &information, sizeof information);
  if (size == (ssize_t)sizeof information) return (int)information.ssi_signo;
  if (size < 0 && errno != EAGAIN && errno != EINTR) return -1;
  return 0;
}

int martlet_reset_signals(void) {
  for (int number = 1; number < NSIG; number++) {
    if (number == SIGKILL || number == SIGSTOP || number == SIGPIPE) continue;
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL);
}

int martlet_ignore_sigpipe(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0; }

int martlet_refuse_handshakes(int listener) {
  // The filter sees the TCP header: byte 13 has the flags. SYN without ACK is a new handshake.
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
  return setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int martlet_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK); }

int martlet_event_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

uint64_t martlet_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int martlet_drop_privileges(uid_t user, gid_t group, const char *user_name) {
  if (geteuid() == 0) {
    int result = user_name != NULL ? initgroups(user_name, group) : setgroups(0, NULL);
    if (result != 0) return -1;
  }
  if (setgid(group) != 0 || setuid(user) != 0) return -1;
  // A process that could take its privileges back has not dropped them.
  if ((user != 0 && setuid(0) == 0) || (group != 0 && user != 0 && setgid(0) == 0)) {
    errno = EPERM;
    return -1;
  }
  return 0;
}

bool martlet_did_exit(int status) { return WIFEXITED(status); }
int martlet_exit_status(int status) { return WEXITSTATUS(status); }
bool martlet_was_signalled(int status) { return WIFSIGNALED(status); }
int martlet_termination_signal(int status) { return WTERMSIG(status); }

void martlet_exit_now(int code) { _exit(code); }

char *const *martlet_environment(void) { return environ; }

int martlet_use_idle_policy(void) {
  struct sched_param parameters = {0};
  // 0 is the calling thread (sched_setscheduler(2)), not its process.
  return sched_setscheduler(0, SCHED_IDLE, &parameters);
}

pid_t martlet_spawn_shell(const char *command, const char *variables, size_t size, int output) {
  size_t count = 0;
  for (char **own = environ; own != NULL && *own != NULL; own++) count += 1;
  for (size_t i = 0; i < size; i++) count += variables[i] == 0;
  char **list = calloc(count + 1, sizeof *list);
  if (list == NULL) return -1;
  size_t filled = 0;
  for (size_t start = 0; start < size; start += strlen(variables + start) + 1) list[filled++] = (char *)variables + start;
  for (char **own = environ; own != NULL && *own != NULL; own++) list[filled++] = *own;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, output, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  char *arguments[] = {"sh", "-c", (char *)command, NULL};
  pid_t process = -1;
  int code = posix_spawn(&process, "/bin/sh", &actions, &attributes, arguments, list);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  free(list);
  if (code == 0) return process;
  errno = code;
  return -1;
}

int martlet_run_self(const char *words, size_t size) {
  size_t count = 0;
  for (size_t i = 0; i < size; i++) count += words[i] == 0;
  char **arguments = calloc(count + 1, sizeof *arguments);
  if (arguments == NULL) return -1;
  size_t filled = 0;
  for (size_t start = 0; start < size; start += strlen(words + start) + 1) arguments[filled++] = (char *)words + start;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t process = -1;
  int code = posix_spawn(&process, "/proc/self/exe", &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  free(arguments);
  if (code != 0) {
    errno = code;
    return -1;
  }
  int status = -1;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

int martlet_connect_unix(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
  int code = errno;
  close(descriptor);
  errno = code;
  return -1;
}
