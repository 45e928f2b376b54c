/* tests/system/sandbox_probe.c - loaded into a gateway by LD_PRELOAD: at SIGUSR2 it tries, as an intruder would,
 * what gateway/sandbox.c denies, and says the errors on standard error, 0 where it was allowed. A program is run
 * last: where that is allowed nothing is said. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int error_of(long result) { return result < 0 ? errno : 0; }

static void probe(int number) {
  char *const argv[] = {(char[]){"true"}, NULL};
  char text[160];
  (void)number;
  int unshared = error_of(syscall(SYS_unshare, 0x10000000L /* CLONE_NEWUSER */));
  int ring = error_of(syscall(SYS_io_uring_setup, 0L, NULL));
  int bpf = error_of(syscall(SYS_bpf, 0L, NULL, 0L));
  int raw = error_of(socket(AF_PACKET, SOCK_RAW, 0));
  int inet = error_of(socket(AF_INET, SOCK_DGRAM, 0));
  int ran = error_of(execve("/bin/true", argv, NULL));
  int len = snprintf(text, sizeof(text), "probe unshare=%d io_uring=%d bpf=%d packet=%d inet=%d execve=%d\n",
                     unshared, ring, bpf, raw, inet, ran);
  (void)!write(2, text, (size_t)len);
}

__attribute__((constructor)) static void listen_for_the_signal(void) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = probe;
  (void)sigaction(SIGUSR2, &action, NULL);
}
