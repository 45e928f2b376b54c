/* gateway/sandbox.h - what this process gives up before it speaks to strangers: system calls that a voice gateway
 * has no use for, and an intruder in it has. A second wall behind those of the parsers, not a first one.
 *
 * All threads, by filters that nothing can take back (seccomp, Linux on x86-64 and ARM64):
 *   - other processes' memory, mounts, namespaces, modules, clocks, keys, bpf, perf, userfaultfd, io_uring: EPERM
 *   - sockets but of IP, netlink and the local kind: EAFNOSUPPORT
 *   - system calls of another architecture: EPERM
 *   - privileges by running a program (no_new_privs); core files, and other processes of the same user looking in
 * The threads that meet strangers, besides: running any program. Those of the embedded assistant may: it starts
 * espeak-ng (assistant/voice.c).
 *
 * What is denied is said in the kernel's log (audit, type 1326), where that is on. */
#ifndef GATEWAY_SANDBOX_H
#define GATEWAY_SANDBOX_H

typedef enum gw_sandbox_state {
  GW_SANDBOX_ON,
  GW_SANDBOX_SANITIZER, /* built with one, which looks into processes itself; nothing was done */
  GW_SANDBOX_UNKNOWN,   /* this architecture or kernel has no such filters, or somebody denies us the call */
} gw_sandbox_state;

/* All threads that there are, and this one and its later ones the further part, too. Errors are no reason to stop.
 */
gw_sandbox_state gw_sandbox_enter(void);
const char *gw_sandbox_text(gw_sandbox_state state);

#endif
