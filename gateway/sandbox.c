/* gateway/sandbox.c - three filters in BPF, by hand: a list of numbers needs no library. Each begins with the same
 * question, which architecture's numbers these are. */
#include "gateway/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#if defined(__linux__) && defined(__x86_64__)
#define HERE AUDIT_ARCH_X86_64
#elif defined(__linux__) && defined(__aarch64__)
#define HERE AUDIT_ARCH_AARCH64
#endif

const char *gw_sandbox_text(gw_sandbox_state state) {
  static const char *const texts[] = {"on", "not in a build with a sanitizer",
                                      "not known to this system, or not allowed"};
  return texts[state];
}

#if !defined(HAS_SANITIZER) && defined(HERE)

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROWS_MAX 256
#define X32_BIT 0x40000000u
#define NAMESPACES \
  (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const uint16_t denied[] = {
    /* other processes */
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_process_madvise,
    /* another view of the file system, or of the machine */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_mknodat,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_fanotify_init,
    /* the machine itself */
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_syslog,
    SYS_vhangup,
    SYS_personality,
    /* where holes in kernels were found */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_mknod,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
#endif
};
static const uint16_t programs[] = {SYS_execve, SYS_execveat};
static const uint16_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

typedef struct filter {
  struct sock_filter row[ROWS_MAX];
  unsigned short n;
} filter;

static void add(filter *f, unsigned code, uint32_t k, unsigned jt, unsigned jf) {
  if (f->n < ROWS_MAX)
    f->row[f->n++] = (struct sock_filter){.code = (uint16_t)code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
}

static void load(filter *f, size_t at) { add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0); }
static void answer(filter *f, int error) {
  add(f, BPF_RET | BPF_K, error ? SECCOMP_RET_ERRNO | (uint32_t)error : SECCOMP_RET_ALLOW, 0, 0);
}
/* The next |n| rows are for this number alone. */
static void only_for(filter *f, uint32_t number, unsigned n) { add(f, BPF_JMP | BPF_JEQ | BPF_K, number, 0, n); }

static void begin(filter *f) {
  f->n = 0;
  load(f, offsetof(struct seccomp_data, arch));
  add(f, BPF_JMP | BPF_JEQ | BPF_K, HERE, 1, 0);
  answer(f, EPERM);
  load(f, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
  add(f, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
  answer(f, EPERM);
#endif
}

static void deny(filter *f, const uint16_t *numbers, size_t n, int error) {
  for (size_t i = 0; i < n; i++) {
    only_for(f, numbers[i], 1);
    answer(f, error);
  }
}

/* Arguments are 64 bits; the lower half counts, which comes first on both architectures. */
static void judge_socket(filter *f) {
  enum { N = sizeof(families) / sizeof(families[0]) };
  only_for(f, SYS_socket, N + 3);
  load(f, offsetof(struct seccomp_data, args));
  for (unsigned i = 0; i < N; i++) add(f, BPF_JMP | BPF_JEQ | BPF_K, families[i], N - i, 0);
  answer(f, EAFNOSUPPORT);
  answer(f, 0);
}

static void judge_clone(filter *f) {
  only_for(f, SYS_clone, 4);
  load(f, offsetof(struct seccomp_data, args));
  add(f, BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1);
  answer(f, EPERM);
  answer(f, 0);
}

static bool install(filter *f, unsigned flags) {
  answer(f, 0);
  const struct sock_fprog program = {.len = f->n, .filter = f->row};
  if (f->n >= ROWS_MAX) return false;
  /* No code of strangers runs under it: without this older kernels slow the whole process down for its sake. */
  const unsigned more = SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  long done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
  if (done < 0 && errno == EINVAL) /* before Linux 4.17 */
    done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags & ~more, &program);
  return done == 0; /* else it may be a thread that did not follow */
}

gw_sandbox_state gw_sandbox_enter(void) {
  static const uint16_t unreadable[] = {SYS_clone3};
  filter f;
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return GW_SANDBOX_UNKNOWN;
  /* Its flags lie in memory, where a filter cannot look. libc then takes clone, for every thread: nothing to log.
   */
  begin(&f);
  deny(&f, unreadable, 1, ENOSYS);
  if (!install(&f, SECCOMP_FILTER_FLAG_TSYNC)) return GW_SANDBOX_UNKNOWN;
  begin(&f);
  deny(&f, denied, sizeof(denied) / sizeof(denied[0]), EPERM);
  judge_socket(&f);
  judge_clone(&f);
  if (!install(&f, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG)) return GW_SANDBOX_UNKNOWN;
  begin(&f);
  deny(&f, programs, sizeof(programs) / sizeof(programs[0]), EPERM);
  return install(&f, SECCOMP_FILTER_FLAG_LOG) ? GW_SANDBOX_ON : GW_SANDBOX_UNKNOWN;
}

#else

gw_sandbox_state gw_sandbox_enter(void) {
#ifdef HAS_SANITIZER
  return GW_SANDBOX_SANITIZER;
#else
  return GW_SANDBOX_UNKNOWN;
#endif
}

#endif
