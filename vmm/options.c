/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/options.h"

#include "vmm/num.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Only the man page has them: tools/mkman.c is built with its own copy of this table. */
#ifdef OPTIONS_WITH_MORE
#define MORE(text) text
#else
#define MORE(text) NULL
#endif

#define AT(field) offsetof(struct config, field)
#define MS        UINT64_C(1000) /* milliseconds in a second */
#define DAY       (86400 * MS)

static const char *const log_words[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
	NULL,
};

static const char *const jail_words[] = {
	[JAIL_ON] = "on", [JAIL_STRICT] = "strict", [JAIL_LOG] = "log", [JAIL_OFF] = "off", NULL,
};

static const char *const on_reboot_words[] = {
	[ON_REBOOT_EXIT] = "exit",
	[ON_REBOOT_RESET] = "reset",
	NULL,
};

static const char *const on_panic_words[] = {
	[ON_PANIC_EXIT] = "exit",
	[ON_PANIC_PAUSE] = "pause",
	NULL,
};

const char *const options_group_names[] = {
	[GROUP_BOOT] = "Boot",       [GROUP_MACHINE] = "Machine",     [GROUP_COMMAND] = "Command",
	[GROUP_CONSOLE] = "Console", [GROUP_RUN] = "Life and report", [GROUP_OTHER] = "Other",
};

_Static_assert(ARRAY_SIZE(options_group_names) == GROUP_N, "every group has a heading");

const struct opt options[] = {
	{ .name = "kernel",
	  .letter = 'k',
	  .type = OPT_PATH,
	  .group = GROUP_BOOT,
	  .field = AT(kernel),
	  .arg = "[FILE|host]",
	  .help = "Linux kernel, bzImage or vmlinux; required; without FILE that of this host",
	  .more = MORE(
	          "A bzImage is entered in 64-bit mode, a vmlinux by its PVH note or its 64-bit "
	          "entry point. Distribution kernels work as they are. 'host', or no value at all, "
	          "is the one that this host runs, /usr/lib/modules/VERSION/vmlinuz or "
	          "/boot/vmlinuz-VERSION; a file of that name is './host', and one whose name "
	          "begins with a dash stands after '='.") },
	{ .name = "initrd",
	  .alias = "initramfs",
	  .letter = 'i',
	  .type = OPT_PATH,
	  .group = GROUP_BOOT,
	  .field = AT(initrd),
	  .count = AT(n_initrd),
	  .repeat = CONFIG_INITRD_MAX,
	  .arg = "FILE",
	  .help = "initial RAM disk; several are joined in order" },
	{ .name = "modules",
	  .type = OPT_PATH,
	  .group = GROUP_BOOT,
	  .field = AT(modules),
	  .arg = "DIR|none",
	  .help = "the kernel's modules; by default lib/modules/VERSION near it, or of this host",
	  .more = MORE(
	          "With a command, or a --rootfs and no --initrd, those that the devices and the "
	          "root's file system need are loaded before anything else, so that kernels of "
	          "distributions work as they are. VERSION is that of the kernel image; it is "
	          "looked "
	          "for in the image's own folder, in lib/modules of that folder and of the one "
	          "above, and in /lib/modules. DIR is the folder with modules.dep, or one in which "
	          "VERSION or lib/modules/VERSION is. Modules may be compressed with xz, zstd or "
	          "gzip, if the host has liblzma, libzstd or zlib.") },
	{ .name = "append",
	  .alias = "cmdline",
	  .letter = 'a',
	  .type = OPT_TEXT,
	  .group = GROUP_BOOT,
	  .field = AT(append),
	  .count = AT(n_append),
	  .repeat = CONFIG_APPEND_MAX,
	  .arg = "WORDS",
	  .help = "kernel command line, after the generated words",
	  .more = MORE(
	          "The generated words choose the console, make a reboot or a panic end the VM, "
	          "and "
	          "name the root disk if there is one. Words after a ' -- ' are for the guest's "
	          "first process and stay last.") },
	{ .name = "no-default-cmdline",
	  .type = OPT_FLAG,
	  .group = GROUP_BOOT,
	  .field = AT(no_default_cmdline),
	  .help = "generate no kernel words: --append is all there is" },
	{ .name = "rootfs",
	  .letter = 'r',
	  .type = OPT_ROOT,
	  .group = GROUP_BOOT,
	  .field = AT(disk),
	  .arg = "PATH|fd=N[,KEY...]",
	  .help = "root file system: a directory, packed into the guest's RAM or, with 'share', "
	          "served to it; or an image or "
	          "block "
	          "device, the first disk, and root=/dev/vda for the kernel",
	  .more = MORE(
	          "An image is the first disk wherever it stands on the command line; with 'ro' "
	          "the kernel mounts it read-only. A directory is read once, as an "
	          "initial RAM disk, and takes no right but to read it: what the guest writes is "
	          "forgotten at the end. Hard links, owners, modes, times and nodes are kept, "
	          "extended attributes such as file capabilities are not, with a warning; other "
	          "file systems that are mounted in it are left out. The guest holds it twice "
	          "while it unpacks it, "
	          "which "
	          "--memory has to allow for. Without a command the kernel starts its /init or "
	          "/sbin/init. With 'share' it is not packed but served by virtiofsd as "
	          "--share DIR:vmm.root,ro would, and what the guest writes is kept in its RAM, "
	          "and forgotten at the end: so the host's own '/' can be tried. The guest's "
	          "kernel needs virtiofs and overlay for it; without a command its /sbin/init is "
	          "started.") },
	{ .name = "disk",
	  .letter = 'd',
	  .type = OPT_DISK,
	  .group = GROUP_MACHINE,
	  .field = AT(disk),
	  .count = AT(n_disks),
	  .repeat = CONFIG_DISKS_MAX,
	  .arg = "PATH|fd=N[,KEY...]",
	  .help = "image or block device, a further disk",
	  .more = MORE(
	          "Raw contents, a multiple of 512 bytes. A descriptor is open for reading and "
	          "writing, or with 'ro' and 'cow' for reading only. With 'cow' what the guest "
	          "writes goes to an unnamed temporary file in TMPDIR or /var/tmp; the image is "
	          "only read, and several VMs may share it. With 'cache=unsafe' a crash of the "
	          "host can cost the file system in the image: it is for images that can be made "
	          "again. With 'direct' the guest sees the block size that this needs, and what "
	          "the image's file system does not offer is refused. One thread serves all "
	          "queues. With 'werror=report' a write that the host refuses is an error for "
	          "the guest; with 'werror=stop' the VM is paused, and the write is tried again "
	          "at the command 'cont' of a --control. If neither is given, want of space "
	          "pauses the VM if there is a --control, and all else is reported.") },
	{ .name = "net",
	  .letter = 'n',
	  .type = OPT_NET,
	  .group = GROUP_MACHINE,
	  .field = AT(net),
	  .count = AT(n_nets),
	  .repeat = CONFIG_NETS_MAX,
	  .arg = "tap=NAME|fd=N|passt[=PATH][,KEY...]",
	  .help = "network card",
	  .more = MORE(
	          "A descriptor is one of a tap or macvtap, opened with IFF_VNET_HDR and "
	          "IFF_NO_PI; of a macvtap named mv it is that of /dev/tap and the number in "
	          "/sys/class/net/mv/ifindex, as in 'vmm --net fd=3,mac=... 3<>/dev/tap7', and "
	          "'mac=' has to be the macvtap's own address. With 'vhost' (/dev/vhost-net) "
	          "frames cost vmm no time at all. 'passt' starts passt(1), which needs no "
	          "privilege; 'passt=PATH' connects to a running one, or to anything that speaks "
	          "QEMU's stream framing. With 'tcp=' and 'udp=', which may be repeated, the "
	          "passt that vmm starts hands a port of the host to the guest: HOST at ADDRESS, "
	          "or at any address, becomes the guest's port GUEST, or the one with the same "
	          "number. The address that follows from --name stays the same from start to "
	          "start. Of a descriptor, the MTU is known if the interface is in vmm's network "
	          "namespace. The initial RAM disk has to heed 'ip='.") },
	{ .name = "share",
	  .type = OPT_SHARE,
	  .group = GROUP_MACHINE,
	  .field = AT(backend),
	  .count = AT(n_backends),
	  .repeat = CONFIG_PEERS_MAX,
	  .arg = "DIR:TAG[,ro]",
	  .help = "directory of the host for the guest to 'mount -t virtiofs TAG'",
	  .more = MORE(
	          "virtiofsd is started for it, outside of the jail, and ends with the VM. What "
	          "the guest does there happens with the rights of the user who starts vmm. With "
	          "'ro' nothing can be changed, neither there nor in what is mounted below it; "
	          "that, and '/' as DIR, needs a mount namespace, and so root. When virtiofsd "
	          "dies, the guest's requests fail with ENOTCONN. Guest RAM is then memory that "
	          "the other process maps, which costs more than private memory.") },
	{ .name = "vhost-user",
	  .type = OPT_VHOST_USER,
	  .group = GROUP_MACHINE,
	  .field = AT(backend),
	  .count = AT(n_backends),
	  .repeat = CONFIG_PEERS_MAX,
	  .arg = "KIND,socket=PATH[,tag=TAG]",
	  .help = "device served by a process that listens at PATH",
	  .more = MORE(
	          "virtiofsd, qemu-storage-daemon and others speak this protocol. The process "
	          "can read and write all of the guest's memory. 'fs' needs 'tag='. When it dies, "
	          "a disk or a network card stops until its driver resets it; a file system "
	          "answers with ENOTCONN, unless its process answers requests in another order "
	          "than it gets them.") },
	{ .name = "vsock",
	  .type = OPT_VSOCK,
	  .group = GROUP_MACHINE,
	  .field = AT(vsock),
	  .arg = "cid=N,socket=PATH",
	  .help = "streams between programs of host and guest, by vsock and unix sockets",
	  .more = MORE(
	          "The guest has the context identifier N, 3 or above, which no other VM has to "
	          "know. A client of the host connects to PATH, writes 'CONNECT PORT' and a "
	          "newline, and reads 'OK' with a number once a program of the guest has "
	          "accepted. A program of the guest that connects to a port of the host (CID 2) "
	          "reaches whoever listens at PATH_PORT. As with Firecracker and Cloud "
	          "Hypervisor.") },
	{ .name = "cpus",
	  .letter = 'c',
	  .type = OPT_UINT,
	  .group = GROUP_MACHINE,
	  .field = AT(cpus),
	  .def = "1",
	  .min = 1,
	  .max = CONFIG_CPUS_MAX,
	  .arg = "N",
	  .help = "virtual processors" },
	{ .name = "memory",
	  .letter = 'm',
	  .type = OPT_SIZE,
	  .group = GROUP_MACHINE,
	  .field = AT(memory),
	  .def = "256M",
	  .min = 32 * MiB,
	  .max = 16 * TiB,
	  .arg = "SIZE",
	  .help = "RAM; a plain number is MiB, or K, M, G, T",
	  .more = MORE(
	          "The size is whole pages of 4 KiB. Nothing is reserved: the host gives memory "
	          "when "
	          "the guest first uses it.") },
	{ .name = "cpu",
	  .type = OPT_CPU,
	  .group = GROUP_MACHINE,
	  .field = AT(cpu),
	  .def = "host",
	  .arg = "host[,-f][,+f]",
	  .help = "processor: the host's, without or with a feature",
	  .more = MORE("Features have the names of /proc/cpuinfo.") },
	{ .name = "kvm",
	  .type = OPT_FD,
	  .group = GROUP_MACHINE,
	  .field = AT(kvm_fd),
	  .arg = "fd=N",
	  .help = "use this open descriptor of /dev/kvm",
	  .more = MORE(
	          "For users who may not open the device, and for places where it is not. Wherever "
	          "an "
	          "option takes 'fd=N', N may also be the name that systemd hands a descriptor "
	          "over "
	          "by: FileDescriptorName= of a socket unit, or OpenFile=.") },
	{ .name = "name",
	  .type = OPT_NAME,
	  .group = GROUP_MACHINE,
	  .field = AT(name),
	  .max = 64,
	  .arg = "NAME",
	  .help = "name of the VM: letters, digits, '-', '_' and '.'",
	  .more = MORE("ps(1) shows it with the other words of the command line, thus not if it is "
	               "that of a '--config'; 'query-name' of a '--control' tells both.") },
	{ .name = "env",
	  .type = OPT_TEXT,
	  .group = GROUP_COMMAND,
	  .field = AT(env),
	  .count = AT(n_env),
	  .repeat = CONFIG_ENV_MAX,
	  .arg = "NAME=VALUE",
	  .help = "variable of the command's environment",
	  .more = MORE("PATH, HOME and on a terminal TERM have values without, and nothing else is "
	               "in it.") },
	{ .name = "cwd",
	  .type = OPT_PATH,
	  .group = GROUP_COMMAND,
	  .field = AT(cwd),
	  .arg = "FOLDER",
	  .help = "the guest's folder in which the command begins, / if not given" },
	{ .name = "guest-user",
	  .type = OPT_PATH,
	  .group = GROUP_COMMAND,
	  .field = AT(guest_user),
	  .arg = "NAME|UID[:GID]",
	  .help = "the guest's user that the command runs as, root if not given",
	  .more = MORE("A name is looked up in /etc/passwd of the guest, and its group with it.") },
	{ .name = "terminal",
	  .letter = 't',
	  .type = OPT_FLAG,
	  .group = GROUP_COMMAND,
	  .field = AT(terminal),
	  .help = "give the command a terminal in the guest",
	  .more = MORE(
	          "This is the default when standard input and output are a terminal: keys, Ctrl-C "
	          "among them, go to the guest, and its terminal follows the size of ours. The "
	          "command's standard error is on it, too. The end of an input that is no terminal "
	          "is "
	          "typed there, as Ctrl-D.") },
	{ .name = "no-terminal",
	  .letter = 'T',
	  .type = OPT_FLAG,
	  .group = GROUP_COMMAND,
	  .field = AT(no_terminal),
	  .help = "give the command three streams, even on a terminal" },
	{ .name = "serial",
	  .type = OPT_WHERE,
	  .group = GROUP_CONSOLE,
	  .field = AT(serial),
	  .def = "stdio",
	  .arg = "WHERE",
	  .help = "first serial port; what WHERE can be is below",
	  .more = MORE(
	          "With a command the default is 'stderr', so that the kernel's messages are "
	          "never mixed with what the command writes to standard output. With 'stdio' the "
	          "guest's console is the terminal or the pipes that vmm was started with. A "
	          "descriptor takes what the guest writes, and gives input if it can be read. "
	          "Clients of a socket or pseudo-terminal that come while there is one wait. "
	          "While there is none the guest goes on, and one that comes is first shown the "
	          "last 64 KiB.") },
	{ .name = "console",
	  .type = OPT_WHERE,
	  .group = GROUP_CONSOLE,
	  .field = AT(console),
	  .def = "none",
	  .arg = "WHERE",
	  .help = "virtio console hvc0; WHERE as for --serial",
	  .more = MORE(
	          "A kernel shows nothing on it before its driver is loaded. Without a serial "
	          "port it becomes the kernel's console. A terminal's size is the guest's, and "
	          "follows it.") },
	{ .name = "port",
	  .type = OPT_VPORT,
	  .group = GROUP_CONSOLE,
	  .field = AT(vport),
	  .count = AT(n_vports),
	  .repeat = CONFIG_VPORTS_MAX,
	  .arg = "NAME=WHERE",
	  .help = "named port to the guest, /dev/virtio-ports/NAME; WHERE as for --serial",
	  .more = MORE(
	          "A port is for programs: bytes go through as they are, and none is shown twice. "
	          "What the guest writes before the first client of a socket or pseudo-terminal "
	          "has come waits for it, up to 64 KiB; then the guest's program waits. When the "
	          "host's side ends (a client leaves, a pipe ends), a program of the guest reads "
	          "what is left and then the end of the file; as long as nobody is there, its "
	          "writes wait. When the guest closes the port, the client or the reader of a "
	          "pipe sees the end of the file. A reader that goes away does not end the VM. "
	          "There can be 7 ports, --console counting as one.") },
	{ .name = "console-log",
	  .type = OPT_CONSOLE_LOG,
	  .group = GROUP_CONSOLE,
	  .field = AT(console_log),
	  .min = 128 * KiB,
	  .max = 16 * TiB,
	  .arg = "FILE[,max=SIZE]",
	  .help = "keep a copy of what the kernel's console shows",
	  .more = MORE(
	          "That is the serial port, or hvc0 where there is none; what becomes of it "
	          "otherwise makes no difference. The copy replaces the contents of the file. "
	          "With 'max' the file never becomes larger: when it is full, the first half "
	          "stays, what is behind it goes but for the last 32 KiB, and a line in brackets "
	          "says how many bytes are missing; so it has the boot and the last words in it "
	          "whenever it is read. A disk that is full does not end the VM.") },
	{ .name = "escape",
	  .type = OPT_ESCAPE,
	  .group = GROUP_CONSOLE,
	  .field = AT(escape),
	  .def = "^a",
	  .arg = "^X|none",
	  .help = "control key that begins a command to vmm on a terminal" },
	{ .name = "control",
	  .type = OPT_CONTROL,
	  .group = GROUP_RUN,
	  .field = AT(control),
	  .count = AT(n_control),
	  .repeat = CONFIG_CONTROL_MAX,
	  .arg = "PATH|fd=N",
	  .help = "socket that takes commands in QMP, as QEMU's does",
	  .more = MORE(
	          "The file is made for the user who starts vmm alone, and removed at the end. One "
	          "that a dead process has left is replaced. With 'fd=N' it is an inherited "
	          "stream socket, one that listens or a single connection. Several programs may "
	          "be connected at the same time; vmmctl(1) sends a command. Whoever asks without "
	          "end has to wait for answers, so that the guest keeps its processors.") },
	{ .name = "control-shared",
	  .type = OPT_FLAG,
	  .group = GROUP_RUN,
	  .field = AT(control_shared),
	  .help = "other users than this one and root may use the control sockets, too",
	  .more = MORE("Who may connect is up to the mode of the file: that of the umask at first, "
	               "or of whoever made the socket of 'fd=N'.") },
	{ .name = "paused",
	  .type = OPT_FLAG,
	  .group = GROUP_RUN,
	  .field = AT(paused),
	  .help = "do not let the guest run before the command 'cont'" },
	{ .name = "pidfile",
	  .type = OPT_PATH,
	  .group = GROUP_RUN,
	  .field = AT(pidfile),
	  .arg = "FILE",
	  .help = "write the process id to a file",
	  .more = MORE("The file is made for the user who starts vmm alone, locked (flock) as long "
	               "as the "
	               "VM lives, and removed at its end; one that nobody has locked is "
	               "overwritten.") },
	{ .name = "daemonize",
	  .type = OPT_FLAG,
	  .group = GROUP_RUN,
	  .field = AT(daemonize),
	  .help = "go on in the background, and return when the VM runs",
	  .more = MORE("If it does not come to that, the status and the messages are the same as "
	               "without. From then on messages are lost unless there is a --log.") },
	{ .name = "exit-with-parent",
	  .type = OPT_FLAG,
	  .group = GROUP_RUN,
	  .field = AT(exit_with_parent),
	  .help = "treat the end of the parent process as a SIGTERM" },
	{ .name = "timeout",
	  .type = OPT_SECONDS,
	  .group = GROUP_RUN,
	  .field = AT(timeout_ms),
	  .min = 1,
	  .max = 365 * DAY,
	  .arg = "SEC",
	  .help = "end the VM after this long, with status 124" },
	{ .name = "idle-timeout",
	  .type = OPT_SECONDS,
	  .group = GROUP_RUN,
	  .field = AT(idle_timeout_ms),
	  .min = 1,
	  .max = 365 * DAY,
	  .arg = "SEC",
	  .help = "end the VM with status 124 when no console has shown anything for so long",
	  .more = MORE("Time in which a client has stopped the VM, or the reader of a console is "
	               "too slow, does not count.") },
	{ .name = "expect",
	  .type = OPT_PATTERN,
	  .group = GROUP_RUN,
	  .field = AT(expect),
	  .arg = "RE",
	  .help = "end the VM with status 0 as soon as the kernel's console shows this; with "
	          "status "
	          "1 if it ends well without",
	  .more = MORE(
	          "An extended regular expression as for 'grep -E', with brackets, groups, "
	          "alternatives and repetitions, but no back-references; it is looked for in each "
	          "line, without escape sequences and control characters, while the line comes. A "
	          "VM that does not end well keeps its status.") },
	{ .name = "fail-on",
	  .type = OPT_PATTERN,
	  .group = GROUP_RUN,
	  .field = AT(fail_on),
	  .count = AT(n_fail_on),
	  .repeat = CONFIG_FAIL_ON_MAX,
	  .arg = "RE|oops",
	  .help = "end the VM with status 1 some seconds after the kernel's console has shown "
	          "this; "
	          "oops: any complaint of a kernel",
	  .more = MORE(
	          "RE as for --expect; what the console shows first decides. The VM goes on for "
	          "3 seconds, so that a trace is complete. The word 'oops' stands for what "
	          "a Linux kernel prints when something is wrong with itself: oops, BUG, WARNING, "
	          "panic, general protection fault and other traps, lockdep, KASAN, KCSAN, KFENCE, "
	          "UBSAN, stalls of RCU, hung tasks, lockups, leaks. A VM that panics meanwhile "
	          "ends with 255.") },
	{ .name = "grace",
	  .type = OPT_SECONDS,
	  .group = GROUP_RUN,
	  .field = AT(grace_ms),
	  .def = "30",
	  .max = DAY,
	  .arg = "SEC",
	  .help = "time between the power button and the end; 0: no button, end at once",
	  .more = MORE("The power button is pressed when a signal asks the VM to end. A command "
	               "gets SIGTERM instead, and 0 ends the VM at that.") },
	{ .name = "on-reboot",
	  .type = OPT_WORD,
	  .group = GROUP_RUN,
	  .field = AT(on_reboot),
	  .def = "exit",
	  .words = on_reboot_words,
	  .arg = "WHAT",
	  .help = "when the guest reboots: exit, or reset: start the machine again",
	  .more = MORE(
	          "With 'reset' the same process goes on with fresh memory, processors and "
	          "devices, and with the kernel and the initial RAM disks as they were at the "
	          "start: they are kept in memory for it. Nothing is opened again, a 'cow' disk "
	          "keeps what was written, and '--timeout' goes on. A panic is never taken for a "
	          "reboot. 'system_reset' of a control client does the same.") },
	{ .name = "on-panic",
	  .type = OPT_WORD,
	  .group = GROUP_RUN,
	  .field = AT(on_panic),
	  .def = "exit",
	  .words = on_panic_words,
	  .arg = "WHAT",
	  .help = "when the guest panics or crashes: exit, or pause",
	  .more = MORE(
	          "With 'pause' the VM stands still where the guest has given up, for a client of "
	          "'--control' to look at: its status is guest-panicked, and it ends by 'quit', a "
	          "signal or '--timeout', or starts again by 'system_reset' with '--on-reboot "
	          "reset'.") },
	{ .name = "result",
	  .type = OPT_RESULT,
	  .group = GROUP_RUN,
	  .field = AT(result),
	  .arg = "FILE|fd=N",
	  .help = "write how the VM ended as one JSON object",
	  .more = MORE(
	          "The file is emptied at the start and holds nothing or the whole object, so that "
	          "an "
	          "old result is never taken for a new one. Its members are 'reason' (poweroff, "
	          "reboot, panic, exit, timeout, idle, expect, fail-on, no-match, signal, quit or "
	          "error), 'status' (the exit status), "
	          "'signal' (its number, if one ended the VM), 'message' (in one line, if "
	          "something "
	          "failed), 'match' (the 'pattern' of --expect or --fail-on and the 'line'), "
	          "'peak_memory_kib' (of the process, the guest's RAM included), 'exits' (how "
	          "often "
	          "the guest's processors needed this program, by reason), and 'times': "
	          "'start' (UTC), and in microseconds since then 'guest_start_us' (its first "
	          "instruction), 'first_output_us' (of the kernel's console), 'end_us' (the VM is "
	          "gone), and of a command 'init_us' (the guest's first process), "
	          "'command_start_us' and 'command_end_us'. What never came is left out.") },
	{ .name = "log",
	  .type = OPT_PATH,
	  .group = GROUP_RUN,
	  .field = AT(log),
	  .arg = "FILE",
	  .help = "append messages to a file instead of standard error" },
	{ .name = "log-level",
	  .type = OPT_WORD,
	  .group = GROUP_RUN,
	  .field = AT(log_level),
	  .def = "warn",
	  .words = log_words,
	  .arg = "LEVEL",
	  .help = "what to report: error, warn, info or debug" },
	{ .name = "jail",
	  .type = OPT_WORD,
	  .group = GROUP_RUN,
	  .field = AT(jail),
	  .def = "on",
	  .words = jail_words,
	  .arg = "MODE",
	  .help = "isolate the process: on, strict, log or off",
	  .more = MORE(
	          "With 'on' every layer is applied that the host gives; '--log-level info' says "
	          "which, and so does --check-host. With 'strict' the VM does not start unless "
	          "all hold. With 'log' a forbidden system call is carried out and the kernel logs "
	          "it, which is for development. With 'off' nothing is done. In the other modes "
	          "descriptors that were inherited and not named are closed.") },
	{ .name = "user",
	  .type = OPT_PATH,
	  .group = GROUP_RUN,
	  .field = AT(user),
	  .arg = "U[:G]",
	  .help = "started by root, go on as this user and group",
	  .more = MORE(
	          "Names or numbers; nobody (65534) if not given. Everything is opened before, by "
	          "root. Has no effect with '--jail off'.") },
	{ .name = "config",
	  .type = OPT_PATH,
	  .group = GROUP_OTHER,
	  .field = AT(config_file),
	  .arg = "FILE",
	  .help = "read options from JSON, as --dry-run prints it; the command line wins",
	  .more = MORE("One object, with a member for each option. Text is taken as on the command "
	               "line. An option that is also on the command line is not read from the "
	               "file, with "
	               "all its values if there are several. The file that vmm installs as "
	               "config.schema.json describes the format.") },
	{ .name = "dry-run",
	  .type = OPT_FLAG,
	  .group = GROUP_OTHER,
	  .field = AT(dry_run),
	  .help = "print the effective configuration as JSON; open nothing" },
	{ .name = "check-host",
	  .type = OPT_FLAG,
	  .group = GROUP_OTHER,
	  .field = AT(check_host),
	  .help = "say whether an ordinary kernel can run on this host",
	  .more = MORE(
	          "Reports /dev/kvm, the kind of KVM, its capabilities, what a probe guest can do, "
	          "and, as optional, the devices that taps and vhost need; "
	          "status 0, or 77 when an ordinary kernel cannot run.") },
	{ .name = "version",
	  .type = OPT_VERSION,
	  .group = GROUP_OTHER,
	  .help = "print the version" },
	{ .name = "help",
	  .letter = 'h',
	  .type = OPT_HELP,
	  .group = GROUP_OTHER,
	  .help = "print this help" },
};

const unsigned options_n = ARRAY_SIZE(options);

_Static_assert(ARRAY_SIZE(options) <= 64, "cli.c keeps a bit for each option");

static bool same(const char *known, const char *name, size_t len)
{
	return known && strlen(known) == len && memcmp(known, name, len) == 0;
}

const struct opt *options_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < options_n; i++)
		if (same(options[i].name, name, len) || same(options[i].alias, name, len))
			return &options[i];
	return NULL;
}

const struct opt *options_find_letter(char letter)
{
	for (unsigned i = 0; i < options_n; i++)
		if (letter && options[i].letter == letter)
			return &options[i];
	return NULL;
}

#define NEAR_MAX 32 /* bytes; no option is that long */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Letters to insert, delete or replace (Levenshtein) between @a and @b, which are at most NEAR_MAX
 * long; case does not count. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[NEAR_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			bool equal = tolower((unsigned char)a[i - 1]) == (unsigned char)b[j - 1];
			unsigned above = row[j];

			row[j] = min3(row[j - 1] + 1, above + 1, diagonal + !equal);
			diagonal = above;
		}
	}
	return row[b_len];
}

/* How far @name is from @known; a shortened name is as near as can be. */
static unsigned remoteness(const char *name, size_t len, const char *known)
{
	if (len >= 3 && strncmp(known, name, len) == 0)
		return 0;
	return distance(name, len, known, strlen(known));
}

const char *options_nearest(const char *name, size_t len)
{
	const char *best = NULL;
	unsigned best_distance = 1 + (unsigned)len / 4; /* further is another word */

	if (len < 2 || len > NEAR_MAX)
		return NULL;
	for (unsigned i = 0; i < options_n; i++) {
		const char *known[] = { options[i].name, options[i].alias };

		for (unsigned k = 0; k < ARRAY_SIZE(known) && known[k]; k++) {
			unsigned d = remoteness(name, len, known[k]);

			if (best ? d < best_distance : d <= best_distance) {
				best = known[k];
				best_distance = d;
			}
		}
	}
	return best;
}

bool options_is_number(const struct opt *o)
{
	return o->type == OPT_UINT || o->type == OPT_SIZE || o->type == OPT_SECONDS;
}

static void number_size(uint64_t bytes, char ret[OPTIONS_NUMBER_MAX])
{
	static const char units[] = "KMGT";
	unsigned u = 0;
	uint64_t n = bytes / KiB;

	while (n && n % 1024 == 0 && u + 2 < sizeof(units)) {
		n /= 1024;
		u++;
	}
	snprintf(ret, OPTIONS_NUMBER_MAX, "%" PRIu64 "%c", n, units[u]);
}

static void number_seconds(uint64_t ms, char ret[OPTIONS_NUMBER_MAX])
{
	int len =
	        snprintf(ret, OPTIONS_NUMBER_MAX, "%" PRIu64 ".%03u", ms / MS, (unsigned)(ms % MS));

	while (ret[len - 1] == '0')
		ret[--len] = '\0';
	if (ret[len - 1] == '.')
		ret[len - 1] = '\0';
}

void options_number(const struct opt *o, uint64_t value, char ret[OPTIONS_NUMBER_MAX])
{
	if (o->type == OPT_SIZE || o->type == OPT_CONSOLE_LOG)
		number_size(value, ret);
	else if (o->type == OPT_SECONDS)
		number_seconds(value, ret);
	else
		snprintf(ret, OPTIONS_NUMBER_MAX, "%" PRIu64, value);
}
