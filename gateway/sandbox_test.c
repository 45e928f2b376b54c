#include "gateway/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define NEW_USER 0x10000000L /* CLONE_NEWUSER, which libc hides */

/* What a child that entered has seen, told by its exit code: 0 all was as it should be. */
enum { ELSEWHERE = 99 };

static int in_child(int (*look)(void)) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(gw_sandbox_enter() == GW_SANDBOX_ON ? look() : ELSEWHERE);
  }
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool fails_with(long result, int error) { return result == -1 && errno == error; }

static int look_at_denied(void) {
  char *const argv[] = {(char[]){"true"}, NULL};
  int n = 0;
#define DENIED(call, error) \
  if (n++, !fails_with(call, error)) return n
  DENIED(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
  DENIED(syscall(SYS_unshare, NEW_USER), EPERM);
  DENIED(syscall(SYS_clone, NEW_USER | SIGCHLD, NULL, NULL, NULL, 0L), EPERM);
  DENIED(syscall(SYS_clone3, NULL, 0L), ENOSYS);
  DENIED(syscall(SYS_mount, "none", "/", "tmpfs", 0L, NULL), EPERM);
  DENIED(syscall(SYS_bpf, 0L, NULL, 0L), EPERM);
  DENIED(syscall(SYS_keyctl, 0L, 0L, 0L), EPERM);
  DENIED(syscall(SYS_io_uring_setup, 1L, NULL), EPERM);
  DENIED(syscall(SYS_userfaultfd, 0L), EPERM);
  DENIED(syscall(SYS_perf_event_open, NULL, 0L, -1L, -1L, 0L), EPERM);
  DENIED(syscall(SYS_process_vm_readv, (long)getppid(), NULL, 0L, NULL, 0L, 0L), EPERM);
  DENIED(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
  DENIED(socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
  DENIED(execve("/bin/true", argv, NULL), EPERM);
  DENIED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0L), EPERM);
#if defined(__x86_64__)
  DENIED(syscall(SYS_getpid | 0x40000000L), EPERM); /* another architecture's numbers: x32 */
#endif
  return 0;
}

static void *nothing(void *ctx) { return ctx; }

static int look_at_allowed(void) {
  static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
  int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), status = -1;
  pthread_t thread;
  if (fd < 0 || write(fd, "", 1) != 1) return 1;
  for (size_t i = 0; i < 4; i++) {
    int s = socket(families[i], SOCK_DGRAM, 0);
    if (s < 0 && errno != EAFNOSUPPORT) return 2; /* a machine without IPv6 */
    if (s >= 0) close(s);
  }
  if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL)) return 3;
  pid_t child = fork();
  if (child == 0) _exit(7);
  if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) return 4;
  free(malloc(64 << 20));
  return 0;
}

/* ---- a thread from before, as the assistant's that speak ---- */

static int go[2], seen[2];

static void *speaker(void *ctx) {
  extern char **environ;
  char *const argv[] = {(char[]){"true"}, NULL};
  char byte = 0;
  pid_t child;
  int status = -1;
  (void)ctx;
  if (read(go[0], &byte, 1) != 1) return NULL;
  byte = 'y';
  if (!fails_with(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM)) byte = 'p';
  if (posix_spawnp(&child, argv[0], NULL, NULL, argv, environ))
    byte = 's';
  else if (waitpid(child, &status, 0) != child || status != 0)
    byte = 'w';
  (void)!write(seen[1], &byte, 1);
  return NULL;
}

static int enter_beside_a_speaker(void) {
  extern char **environ;
  char *const argv[] = {(char[]){"true"}, NULL};
  pthread_t thread;
  pid_t child;
  char byte = 0;
  if (pipe(go) || pipe(seen) || pthread_create(&thread, NULL, speaker, NULL)) return 1;
  if (gw_sandbox_enter() != GW_SANDBOX_ON) return ELSEWHERE;
  if (write(go[1], "", 1) != 1 || read(seen[0], &byte, 1) != 1) return 2;
  if (byte != 'y') return byte;
  return posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) == EPERM ? 0 : 3;
}

static gw_sandbox_state expected(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return GW_SANDBOX_SANITIZER;
#else
  return GW_SANDBOX_ON;
#endif
}

static int run_beside_a_speaker(void) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(enter_beside_a_speaker());
  }
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(sandbox_denies_what_a_gateway_has_no_use_for) {
  int wanted = expected() == GW_SANDBOX_ON ? 0 : ELSEWHERE;
  CHECK_EQ(in_child(look_at_denied), wanted);
}

TEST(sandbox_leaves_what_it_needs) {
  int wanted = expected() == GW_SANDBOX_ON ? 0 : ELSEWHERE;
  CHECK_EQ(in_child(look_at_allowed), wanted);
}

TEST(sandbox_lets_threads_from_before_start_programs_and_no_more) {
  int wanted = expected() == GW_SANDBOX_ON ? 0 : ELSEWHERE;
  CHECK_EQ(run_beside_a_speaker(), wanted);
}

TEST(sandbox_says_why_it_is_not_on) {
  CHECK(strcmp(gw_sandbox_text(GW_SANDBOX_ON), "on") == 0);
  CHECK(strstr(gw_sandbox_text(GW_SANDBOX_SANITIZER), "sanitizer") != NULL);
  CHECK(*gw_sandbox_text(GW_SANDBOX_UNKNOWN));
}
