/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/check_host.h"

#include "arch/arch.h"
#include "devices/net_tap.h"
#include "devices/vhost_net.h"
#include "vmm/jail.h"
#include "vmm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define API_VERSION 12

/* What every architecture needs; see also arch_caps. */
static const struct arch_cap caps[] = {
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY", true, "guest RAM" },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", true, "a VM that can always be stopped" },
	{ KVM_CAP_IRQFD, "IRQFD", true, "interrupts from the device threads" },
	{ KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING", true, "interrupts where the guest wants them" },
	{ KVM_CAP_IOEVENTFD, "IOEVENTFD", true, "queue notifications to the device threads" },
	{ KVM_CAP_READONLY_MEM, "READONLY_MEM", false, "device registers read without an exit" },
	{ 0, NULL, false, NULL },
};

/* What a VM can do without. */
static const struct {
	const char *path, *use;
} extra_nodes[] = {
	{ NET_TAP_PATH, "--net tap=NAME" },
	{ VHOST_NET_PATH, "--net ...,vhost" },
};

/* One line: what it is about, and what is found. */
#define LINE "%-12s "

/* One line about something that a VM needs, or would use. @why: not to be had, NULL: it is there.
 */
static void tell_need(FILE *out, bool required, const char *name, const char *why, const char *use)
{
	fprintf(out, LINE "%-4s %-20s %s%s%s\n", required ? "required" : "optional",
	        why ? "NO" : "yes", name, why ? why : "", why ? "lost: " : "", use);
}

static void tell_extra_nodes(FILE *out)
{
	for (size_t i = 0; i < sizeof(extra_nodes) / sizeof(*extra_nodes); i++) {
		const int fd = open(extra_nodes[i].path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		const char *why = NULL;

		if (fd >= 0)
			close(fd);
		else if (errno == EACCES || errno == EPERM)
			why = "not permitted; ";
		else if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
			why = "missing; ";
		else
			why = "cannot be opened; ";
		tell_need(out, false, extra_nodes[i].path, why, extra_nodes[i].use);
	}
}

static int verdict_no(FILE *out, const char *why)
{
	fprintf(out, "ordinary kernels cannot run here: %s\n", why);
	return CHECK_HOST_UNFIT;
}

/* The node is there, but not for us: say whose it is and how to join. */
static int not_permitted(FILE *out)
{
	const struct group *gr = NULL;
	struct stat st;

	if (stat(VM_KVM_PATH, &st) == 0)
		gr = getgrgid(st.st_gid);
	if (gr && (st.st_mode & S_IWGRP))
		fprintf(out,
		        LINE
		        "not permitted; group '%s' may: sudo usermod -aG %s \"$USER\", then log "
		        "in again\n",
		        VM_KVM_PATH, gr->gr_name, gr->gr_name);
	else
		fprintf(out,
		        LINE
		        "not permitted, and no group may use it: sudo chown root:kvm " VM_KVM_PATH
		        ", sudo chmod 660 " VM_KVM_PATH ", sudo usermod -aG kvm \"$USER\"\n",
		        VM_KVM_PATH);
	return verdict_no(out, VM_KVM_PATH " is not permitted");
}

/* Open the node, or tell why not. Returns the descriptor, or -1 with @ret_status set. */
static int open_node(FILE *out, int *ret_status)
{
	CLEANUP_FD int fd = open(VM_KVM_PATH, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) >= 0) {
		fprintf(out, LINE "usable\n", VM_KVM_PATH);
		return fd_take(&fd);
	}
	switch (errno) {
	case ENOTTY:
		fprintf(out, LINE "is no KVM device; remove it, then: %s\n", VM_KVM_PATH,
		        arch_kvm_remedy());
		*ret_status = verdict_no(out, VM_KVM_PATH " is no KVM device");
		break;
	case EACCES:
	case EPERM:
		*ret_status = not_permitted(out);
		break;
	case ENOENT:
	case ENXIO:
	case ENODEV:
		fprintf(out, LINE "missing; %s\n", VM_KVM_PATH, arch_kvm_remedy());
		*ret_status = verdict_no(out, VM_KVM_PATH " is missing");
		break;
	case EBUSY:
		fprintf(out, LINE "busy: another hypervisor uses the processor\n", VM_KVM_PATH);
		*ret_status = verdict_no(out, VM_KVM_PATH " is busy");
		break;
	default:
		fprintf(out, LINE "%s\n", VM_KVM_PATH, strerror(errno));
		*ret_status = verdict_no(out, VM_KVM_PATH " cannot be opened");
	}
	return -1;
}

/* List capabilities. Returns the first required one that is missing, or NULL. */
static const struct arch_cap *tell_caps(FILE *out, int kvm_fd, const struct arch_cap *list)
{
	const struct arch_cap *missing = NULL;

	for (; list->name; list++) {
		const bool has = ioctl(kvm_fd, KVM_CHECK_EXTENSION, list->cap) > 0;

		tell_need(out, list->required, list->name, has ? NULL : "", list->use);
		if (!has && list->required && !missing)
			missing = list;
	}
	return missing;
}

static int at_least_0(int v)
{
	return v < 0 ? 0 : v;
}

static void tell_limits(FILE *out, int kvm_fd)
{
	fprintf(out, LINE "%d vCPUs, %d recommended; %d memory slots\n", "limits",
	        at_least_0(ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS)),
	        at_least_0(ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS)),
	        at_least_0(ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS)));
}

static void tell_probe(FILE *out, const struct arch_probe *p)
{
	fprintf(out, LINE "%u instructions tried in guest kernel mode, %u do not work\n", "probe",
	        p->n_tests, p->n_failed);
	for (unsigned i = 0; i < p->n_failed; i++)
		fprintf(out, LINE "fails: %s\n", "probe", p->failed[i]);
	fprintf(out, LINE "%.1f million instructions a second in guest kernel mode\n", "speed",
	        (double)p->ring0_ips / 1e6);
}

/* All that is to be said of a KVM that opens. */
static int examine(FILE *out, int kvm_fd)
{
	const struct arch_cap *missing, *missing_arch;
	const int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
	struct arch_probe probe;
	struct err why = { 0 };
	char text[320];

	fprintf(out, LINE "%d\n", "API version", version);
	if (version != API_VERSION)
		return verdict_no(out, "KVM speaks another API version than 12");
	fprintf(out, LINE "%s\n", "kind", arch_kvm_kind());
	missing = tell_caps(out, kvm_fd, caps);
	missing_arch = tell_caps(out, kvm_fd, arch_caps);
	missing = missing ? missing : missing_arch;
	tell_limits(out, kvm_fd);
	if (missing) {
		snprintf(text, sizeof(text), "KVM lacks KVM_CAP_%s (%s)", missing->name,
		         missing->use);
		return verdict_no(out, text);
	}
	if (arch_probe_run(kvm_fd, &probe, &why) < 0) {
		fprintf(out, LINE "failed: %s\n", "probe", why.msg);
		return verdict_no(out, "KVM cannot even make a small guest");
	}
	tell_probe(out, &probe);
	if (!probe.runs_kernels) {
		snprintf(text, sizeof(text), "%s [%s]", probe.why, arch_kvm_kind());
		return verdict_no(out, text);
	}
	fprintf(out, "ordinary kernels can run here\n");
	return 0;
}

int check_host_run(FILE *out, struct err *e)
{
	int status = 0, kvm_fd;

	jail_check_host(out);
	tell_extra_nodes(out);
	kvm_fd = open_node(out, &status);

	if (kvm_fd >= 0) {
		status = examine(out, kvm_fd);
		close(kvm_fd);
	}
	if (fflush(out) != 0 || ferror(out))
		return err_errno(e, errno, "cannot write the report of --check-host");
	return status;
}
