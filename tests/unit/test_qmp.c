/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations, word for word: what a client says, and what it hears. */
#include "vmm/qmp.h"

#include "tests/unit/qmp_rig.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define OK "{\"return\": {}}\r\n"
#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "         \
	"\"package\": \"vmm-" VMM_VERSION "\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define ERROR(class, text) "{\"error\": {\"class\": \"" class "\", \"desc\": \"" text "\"}}\r\n"
#define GENERIC(text)      ERROR("GenericError", text)
#define NOT_FOUND(text)    ERROR("CommandNotFound", text)
#define EVENT(rest)                                                                                \
	"{\"timestamp\": {\"seconds\": N, \"microseconds\": N}, \"event\": " rest "}\r\n"

#define BACKEND "{'type':'socket','data':{'addr':{'type':'fd','data':{'str':'con'}}}}"

static struct qmp_rig rig;
static struct qmp_session session, other;

static void set_up(void)
{
	qmp_rig_init(&rig);
	qmp_rig_greet(&session, &rig);
	qmp_rig_greet(&other, &rig);
}

static void tear_down(void)
{
	qmp_session_fini(&session);
	qmp_session_fini(&other);
	qmp_fini(&rig.qmp);
}

static void expect(struct qmp_session *s, const char *says, const char *hears)
{
	char *heard = qmp_rig_say(s, says);

	ck_assert_str_eq(heard, hears);
	free(heard);
}

static const struct {
	const char *says, *hears;
} talks[] = {
	/* a stream of values, whatever separates them */
	{ "{\"execute\":\"query-status\"}",
	  "{\"return\": {\"status\": \"running\", \"singlestep\": false, \"running\": true}}\r\n" },
	{ "{'execute':'query-name'}", "{\"return\": {\"name\": \"x\"}}\r\n" },
	{ "{'execute':'query-kvm'}{'execute':'query-target'}",
	  "{\"return\": {\"enabled\": true, \"present\": true}}\r\n"
	  "{\"return\": {\"arch\": \"x86_64\"}}\r\n" },
	{ "\r\n\t {\"execute\"\n:\n\"query-pci\"}\n\n", "{\"return\": []}\r\n" },
	{ " \n ", "" },
	{ "{\"execute\":\"query-pci\"", "" },
	/* what is no command */
	{ "5 ", GENERIC("QMP input must be a JSON object") },
	{ "[1]", GENERIC("QMP input must be a JSON object") },
	{ "\"x\"", GENERIC("QMP input must be a JSON object") },
	{ "{}", GENERIC("QMP input lacks member 'execute'") },
	{ "{'execute':'stop','bogus':1}", GENERIC("QMP input member 'bogus' is unexpected") },
	{ "{'execute':1}", GENERIC("QMP input member 'execute' must be a string") },
	{ "{'execute':'stop','arguments':1}",
	  GENERIC("QMP input member 'arguments' must be an object") },
	{ "{'execute':'stop','exec-oob':'stop'}",
	  GENERIC("QMP input member 'exec-oob' clashes with 'execute'") },
	{ "{'exec-oob':'stop'}", GENERIC("QMP input member 'exec-oob' is unexpected") },
	{ "{'execute':'nope'}", NOT_FOUND("The command nope has not been found") },
	{ "{'execute':'qmp_capabilities'}",
	  NOT_FOUND("Capabilities negotiation is already complete, command ignored") },
	{ "{'execute':'query-name','arguments':{'bogus':1}}",
	  GENERIC("Parameter 'bogus' is unexpected") },
	{ "{'execute':'getfd'}", GENERIC("Parameter 'fdname' is missing") },
	{ "{'execute':'getfd','arguments':{'fdname':1}}",
	  GENERIC("Invalid parameter type for 'fdname', expected: string") },
	/* the way back from nonsense */
	{ "\xff{'execute':'query-pci'}",
	  GENERIC("JSON parse error, stray '\\uFFFD'") "{\"return\": []}\r\n" },
	{ "{'execute':'x\x01{'execute':'query-pci'}",
	  GENERIC("JSON parse error, stray '\\\"x\\u0001'") "{\"return\": []}\r\n" },
	{ "@ nonsense \n{'execute':'query-pci'}",
	  GENERIC("JSON parse error, stray '@'") "{\"return\": []}\r\n" },
	/* whose answer it is */
	{ "{'execute':'query-pci','id':{'a':[1,null]}}",
	  "{\"return\": [], \"id\": {\"a\": [1, null]}}\r\n" },
	{ "{'execute':'nope','id':null}",
	  "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command nope has not been "
	  "found\"}, \"id\": null}\r\n" },
	{ "{'execute':'query-pci','id':'\xc3\xa9'}", "{\"return\": [], \"id\": \"\\u00E9\"}\r\n" },
	{ "{'execute':'query-pci','id':18446744073709551616}",
	  "{\"return\": [], \"id\": 1.8446744073709552e19}\r\n" },
	/* shapes */
	{ "{'execute':'query-version'}",
	  "{\"return\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": "
	  "\"vmm-" VMM_VERSION "\"}}\r\n" },
	{ "{'execute':'query-uuid'}",
	  "{\"return\": {\"UUID\": \"00000000-0000-0000-0000-000000000000\"}}\r\n" },
	{ "{'execute':'query-memory-size-summary'}",
	  "{\"return\": {\"base-memory\": 268435456, \"plugged-memory\": 0}}\r\n" },
	{ "{'execute':'query-cpus-fast'}",
	  "{\"return\": [{\"thread-id\": 7695, \"props\": {\"core-id\": 0, \"thread-id\": 0, "
	  "\"socket-id\": 0}, \"qom-path\": \"/machine/unattached/device[0]\", \"cpu-index\": 0, "
	  "\"target\": \"x86_64\"}, {\"thread-id\": 7696, \"props\": {\"core-id\": 0, "
	  "\"thread-id\": 0, \"socket-id\": 1}, \"qom-path\": \"/machine/unattached/device[1]\", "
	  "\"cpu-index\": 1, \"target\": \"x86_64\"}]}\r\n" },
	{ "{'execute':'query-cpus'}",
	  "{\"return\": [{\"CPU\": 0, \"current\": true, \"halted\": false, \"arch\": \"x86\", "
	  "\"pc\": 0, \"thread_id\": 7695}, {\"CPU\": 1, \"current\": false, \"halted\": false, "
	  "\"arch\": \"x86\", \"pc\": 0, \"thread_id\": 7696}]}\r\n" },
	{ "{'execute':'query-block'}",
	  "{\"return\": [{\"device\": \"\", \"qdev\": \"vd0\", \"io-status\": \"ok\", \"locked\": "
	  "false, \"removable\": false, \"type\": \"unknown\", \"inserted\": {\"file\": "
	  "\"disk.img\", \"node-name\": \"d0\", \"drv\": \"raw\", \"ro\": true, \"encrypted\": "
	  "false, \"backing_file_depth\": 0, \"detect_zeroes\": \"off\", \"write_threshold\": 0, "
	  "\"cache\": {\"no-flush\": false, \"direct\": false, \"writeback\": true}, \"image\": "
	  "{\"virtual-size\": 1048576, \"filename\": \"disk.img\", \"format\": \"raw\", "
	  "\"actual-size\": 8192, \"dirty-flag\": false}, \"iops\": 0, \"iops_rd\": 0, "
	  "\"iops_wr\": 0, \"bps\": 0, \"bps_rd\": 0, \"bps_wr\": 0}}, {\"device\": \"\", "
	  "\"qdev\": \"vd1\", \"io-status\": \"ok\", \"locked\": false, \"removable\": false, "
	  "\"type\": \"unknown\", \"inserted\": {\"file\": \"/dev/d\", \"node-name\": \"d1\", "
	  "\"drv\": \"raw\", \"ro\": false, \"encrypted\": false, \"backing_file_depth\": 0, "
	  "\"detect_zeroes\": \"off\", \"write_threshold\": 0, \"cache\": {\"no-flush\": true, "
	  "\"direct\": true, \"writeback\": true}, \"image\": {\"virtual-size\": 1048577, "
	  "\"filename\": \"/dev/d\", \"format\": \"raw\", \"actual-size\": 8193, \"dirty-flag\": "
	  "false}, \"iops\": 0, \"iops_rd\": 0, \"iops_wr\": 0, \"bps\": 0, \"bps_rd\": 0, "
	  "\"bps_wr\": 0}}]}\r\n" },
	{ "{'execute':'query-chardev'}",
	  "{\"return\": [{\"frontend-open\": true, \"filename\": \"stdio\", \"label\": "
	  "\"serial0\"}, {\"frontend-open\": true, \"filename\": \"pty:/dev/pts/7\", \"label\": "
	  "\"console0\"}, {\"frontend-open\": true, \"filename\": \"unix:/f/p,server=on\", "
	  "\"label\": \"org.x\"}, {\"frontend-open\": true, \"filename\": "
	  "\"unix:/p,server=on\", "
	  "\"label\": \"compat_monitor0\"}, {\"frontend-open\": true, \"filename\": \"fd\", "
	  "\"label\": \"compat_monitor1\"}]}\r\n" },
	{ "{'execute':'query-events'}",
	  "{\"return\": [{\"name\": \"BLOCK_IO_ERROR\"}, {\"name\": \"GUEST_PANICKED\"}, "
	  "{\"name\": "
	  "\"NIC_RX_FILTER_CHANGED\"}, {\"name\": \"POWERDOWN\"}, {\"name\": \"RESET\"}, "
	  "{\"name\": "
	  "\"RESUME\"}, {\"name\": \"SHUTDOWN\"}, {\"name\": \"STOP\"}, {\"name\": "
	  "\"X_VMM_DEVICE_NEEDS_RESET\"}]}\r\n" },
	{ "{'execute':'query-commands'}",
	  "{\"return\": [{\"name\": \"add-fd\"}, {\"name\": \"block_resize\"}, "
	  "{\"name\": \"chardev-change\"}, {\"name\": \"closefd\"}, "
	  "{\"name\": \"cont\"}, {\"name\": \"getfd\"}, "
	  "{\"name\": \"human-monitor-command\"}, {\"name\": \"inject-nmi\"}, "
	  "{\"name\": \"qmp_capabilities\"}, {\"name\": \"query-balloon\"}, "
	  "{\"name\": \"query-block\"}, {\"name\": \"query-block-jobs\"}, "
	  "{\"name\": \"query-blockstats\"}, {\"name\": \"query-chardev\"}, "
	  "{\"name\": \"query-command-line-options\"}, {\"name\": \"query-commands\"}, "
	  "{\"name\": \"query-cpus\"}, {\"name\": \"query-cpus-fast\"}, "
	  "{\"name\": \"query-events\"}, {\"name\": \"query-fdsets\"}, "
	  "{\"name\": \"query-iothreads\"}, {\"name\": \"query-kvm\"}, "
	  "{\"name\": \"query-memory-size-summary\"}, {\"name\": \"query-mice\"}, "
	  "{\"name\": \"query-migrate\"}, {\"name\": \"query-name\"}, "
	  "{\"name\": \"query-pci\"}, {\"name\": \"query-status\"}, "
	  "{\"name\": \"query-target\"}, {\"name\": \"query-uuid\"}, "
	  "{\"name\": \"query-version\"}, {\"name\": \"quit\"}, "
	  "{\"name\": \"remove-fd\"}, {\"name\": \"screendump\"}, "
	  "{\"name\": \"set_link\"}, {\"name\": \"stop\"}, "
	  "{\"name\": \"system_powerdown\"}, {\"name\": \"system_reset\"}, "
	  "{\"name\": \"x-vmm-config\"}, {\"name\": \"x-vmm-jail\"}, "
	  "{\"name\": \"x-vmm-log-level\"}, {\"name\": \"x-vmm-metrics\"}]}\r\n" },
	{ "{'execute':'query-migrate'}", OK },
	{ "{'execute':'query-mice'}", "{\"return\": []}\r\n" },
	{ "{'execute':'query-iothreads'}", "{\"return\": []}\r\n" },
	{ "{'execute':'query-block-jobs'}", "{\"return\": []}\r\n" },
	{ "{'execute':'query-fdsets'}", "{\"return\": []}\r\n" },
	{ "{'execute':'query-balloon'}",
	  ERROR("DeviceNotActive", "No balloon device has been activated") },
	{ "{'execute':'query-blockstats','arguments':{'query-nodes':false}}",
	  "{\"return\": {\"report\": 1}}\r\n" },
	{ "{'execute':'x-vmm-metrics'}", "{\"return\": {\"report\": 0}}\r\n" },
	{ "{'execute':'x-vmm-jail'}", "{\"return\": {\"report\": 2}}\r\n" },
	{ "{'execute':'x-vmm-log-level'}", "{\"return\": {\"level\": \"warn\"}}\r\n" },
	{ "{'execute':'x-vmm-log-level','arguments':{'level':'loud'}}",
	  GENERIC("Parameter 'level' does not accept value 'loud'") },
	{ "{'execute':'query-command-line-options','arguments':{'option':'vsock'}}",
	  "{\"return\": [{\"option\": \"vsock\", \"parameters\": [{\"name\": \"cid\", \"type\": "
	  "\"string\"}, {\"name\": \"socket\", \"type\": \"string\"}]}]}\r\n" },
	{ "{'execute':'query-command-line-options','arguments':{'option':'drive'}}",
	  GENERIC("invalid option name: drive") },
	/* changes that are refused */
	{ "{'execute':'block_resize','arguments':{'node-name':'d2','size':512}}",
	  GENERIC("Cannot find device='' nor node-name='d2'") },
	{ "{'execute':'block_resize','arguments':{'device':'d0','size':512}}",
	  GENERIC("Cannot find device='d0' nor node-name=''") },
	{ "{'execute':'block_resize','arguments':{'device':'vd0','size':-1}}",
	  GENERIC("Parameter 'size' expects a >0 size") },
	{ "{'execute':'block_resize','arguments':{'device':'vd0','size':1}}",
	  GENERIC("not whole sectors") },
	{ "{'execute':'set_link','arguments':{'name':'net2','up':true}}",
	  ERROR("DeviceNotFound", "Device 'net2' not found") },
	{ "{'execute':'set_link','arguments':{'name':'net1','up':true}}",
	  GENERIC("Device 'net1': the host's end has gone") },
	{ "{'execute':'set_link','arguments':{'name':'net0','up':1}}",
	  GENERIC("Invalid parameter type for 'up', expected: boolean") },
	{ "{'execute':'screendump','arguments':{'filename':'f'}}",
	  GENERIC("There is no screen: this machine has no display device") },
	{ "{'execute':'chardev-change','arguments':{'id':'no','backend':" BACKEND "}}",
	  GENERIC("Chardev 'no' does not exist") },
	{ "{'execute':'chardev-change','arguments':{'id':'org.x','backend':{'type':'pty'}}}",
	  GENERIC("Chardev 'org.x': the only backend is a socket whose address is of type fd") },
	{ "{'execute':'chardev-change','arguments':{'id':'org.x','backend':" BACKEND "}}",
	  GENERIC("File descriptor named 'con' not found") },
	{ "{'execute':'chardev-change','arguments':{'id':'org.x','backend':1}}",
	  GENERIC("Invalid parameter type for 'backend', expected: object") },
	/* descriptors that were not sent */
	{ "{'execute':'getfd','arguments':{'fdname':'a'}}",
	  GENERIC("No file descriptor supplied via SCM_RIGHTS") },
	{ "{'execute':'add-fd'}", GENERIC("No file descriptor supplied via SCM_RIGHTS") },
	{ "{'execute':'closefd','arguments':{'fdname':'a'}}",
	  GENERIC("File descriptor named 'a' not found") },
	{ "{'execute':'remove-fd','arguments':{'fdset-id':3,'fd':4}}",
	  GENERIC("File descriptor named 'fdset-id:3, fd:4' not found") },
	{ "{'execute':'remove-fd','arguments':{'fdset-id':3}}",
	  GENERIC("File descriptor named 'fdset-id:3' not found") },
	/* the other monitor */
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'info status'}}",
	  "{\"return\": \"VM status: running\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':' info  cpus '}}",
	  "{\"return\": \"* CPU #0: thread_id=7695\\r\\n  CPU #1: thread_id=7696\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'hop'}}",
	  "{\"return\": \"unknown command: 'hop'\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':''}}",
	  "{\"return\": \"\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'info network'}}",
	  "{\"return\": \"net0: index=0,type=nic,model=virtio-net-device\\r\\n \\\\ hostnet0: "
	  "index=0,type=tap,ifname=tap0\\r\\nnet1: index=0,type=nic,model=virtio-net-device\\r\\n "
	  "\\\\ hostnet1: index=0,type=stream,passt\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'info version'}}",
	  "{\"return\": \"" VMM_VERSION "\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'info block'}}",
	  "{\"return\": \"d0: disk.img (raw, read-only)\\r\\n    Attached to:      "
	  "vd0\\r\\n\\r\\nd1: "
	  "/dev/d (raw)\\r\\n    Attached to:      vd1\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'info name'}}",
	  "{\"return\": \"x\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'info kvm'}}",
	  "{\"return\": \"kvm support: enabled\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'info nothing'}}",
	  "{\"return\": \"unknown command: \'info nothing\'\\r\\n\"}\r\n" },
	{ "{'execute':'human-monitor-command','arguments':{'command-line':'system_powerdown'}}",
	  EVENT("\"POWERDOWN\"") "{\"return\": \"\"}\r\n" },
	/* what changes the VM */
	{ "{'execute':'system_powerdown','id':1}",
	  EVENT("\"POWERDOWN\"") "{\"return\": {}, \"id\": 1}\r\n" },
	{ "{'execute':'cont'}", OK },
	{ "{'execute':'x-vmm-log-level','arguments':{'level':'warn'}}",
	  "{\"return\": {\"level\": \"warn\"}}\r\n" },
};

START_TEST(feed_talk_is_answered_word_for_word)
{
	expect(&session, talks[_i].says, talks[_i].hears);
}
END_TEST

/* As it comes from a slow terminal. */
START_TEST(feed_talk_byte_by_byte_is_answered_alike)
{
	char heard[8192] = "";

	for (const char *s = talks[_i].says; *s; s++) {
		char *part = qmp_rig_say(&session, (char[]){ *s, '\0' });

		strcat(heard, part);
		free(part);
	}
	ck_assert_str_eq(heard, talks[_i].hears);
}
END_TEST

START_TEST(feed_zero_byte_is_named)
{
	ck_assert_uint_eq(qmp_session_feed(&session, (const uint8_t *)"", 1), 1);

	expect(&session, "", GENERIC("JSON parse error, stray '\\\\0'"));
}
END_TEST

START_TEST(init_new_session_greets)
{
	struct qmp_session s;

	qmp_session_init(&s, &rig.qmp);

	expect(&s, "", GREETING);
	qmp_session_fini(&s);
}
END_TEST

static const struct {
	const char *says, *hears;
} beginnings[] = {
	{ "{'execute':'query-status'}",
	  NOT_FOUND("Expecting capabilities negotiation with 'qmp_capabilities'") },
	{ "{'execute':'nope'}",
	  NOT_FOUND("Expecting capabilities negotiation with 'qmp_capabilities'") },
	{ "{'execute':'qmp_capabilities','arguments':{'enable':[]}}", OK },
	{ "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}{'exec-oob':'stop'}",
	  OK GENERIC("The command stop does not support OOB") },
	{ "{'execute':'qmp_capabilities','arguments':{'enable':['no']}}",
	  GENERIC("Parameter 'enable[0]' does not accept value 'no'") },
	{ "{'execute':'qmp_capabilities','arguments':{'enable':[1]}}",
	  GENERIC("Invalid parameter type for 'enable[0]', expected: string") },
};

START_TEST(feed_before_negotiation_is_judged)
{
	struct qmp_session s;

	qmp_session_init(&s, &rig.qmp);
	expect(&s, "", GREETING);

	expect(&s, beginnings[_i].says, beginnings[_i].hears);
	qmp_session_fini(&s);
}
END_TEST

START_TEST(changes_reach_the_machine)
{
	expect(&session, "{'execute':'block_resize','arguments':{'device':'vd0','size':1024}}", OK);
	expect(&session, "{'execute':'set_link','arguments':{'name':'net0','up':false}}", OK);
	expect(&session, "{'execute':'inject-nmi'}", OK);

	ck_assert_uint_eq(rig.resized, 1024);
	ck_assert(rig.link_down);
	ck_assert_uint_eq(rig.nmis, 1);
}
END_TEST

/* Hand @fd over by the name that BACKEND has. */
static void hand_over(int fd)
{
	qmp_session_add_fd(&session, fd);
	expect(&session, "{'execute':'getfd','arguments':{'fdname':'con'}}", OK);
}

#define CHANGE(id) "{'execute':'chardev-change','arguments':{'id':'" id "','backend':" BACKEND "}}"

START_TEST(chardev_change_gives_the_socket_away)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	hand_over(pair[0]);
	expect(&session, CHANGE("serial0"),
	       GENERIC("Chardev 'serial0' cannot be changed: it is no socket"));
	expect(&session, CHANGE("org.x"), OK);
	expect(&session, CHANGE("org.x"), GENERIC("File descriptor named 'con' not found"));

	ck_assert_int_eq(rig.connected, pair[0]);
	ck_assert_int_eq(close(pair[0]), 0);
	close(pair[1]);
}
END_TEST

START_TEST(chardev_change_other_descriptors_are_refused)
{
	hand_over(open("/dev/null", O_RDWR));
	expect(&session, CHANGE("org.x"),
	       GENERIC("File descriptor named 'con' is no connected stream socket"));
	hand_over(socket(AF_UNIX, SOCK_DGRAM, 0));
	expect(&session, CHANGE("org.x"),
	       GENERIC("File descriptor named 'con' is no connected stream socket"));
}
END_TEST

START_TEST(devices_news_are_told)
{
	qmp_needs_reset(&rig.qmp, "blk0");
	expect(&session, "",
	       EVENT("\"X_VMM_DEVICE_NEEDS_RESET\", \"data\": {\"device\": \"blk0\"}"));
	qmp_filter_changed(&rig.qmp, "net0");
	expect(&session, "",
	       EVENT("\"NIC_RX_FILTER_CHANGED\", \"data\": {\"name\": \"net0\", \"path\": "
	             "\"/machine/peripheral/net0/virtio-backend\"}"));
}
END_TEST

START_TEST(stop_is_answered_when_the_vm_stands_still)
{
	expect(&session, "{'execute':'stop','id':7}{'execute':'query-pci'}", "");
	ck_assert_uint_eq(rig.stops, 1);
	ck_assert(!qmp_session_may_feed(&session));

	rig.status = QMP_PAUSED;
	qmp_stopped(&rig.qmp);

	expect(&session, "", EVENT("\"STOP\"") "{\"return\": {}, \"id\": 7}\r\n");
	expect(&other, "", EVENT("\"STOP\""));
	expect(&session, "{'execute':'stop'}", OK);
}
END_TEST

START_TEST(cont_is_answered_when_the_vm_runs)
{
	rig.status = QMP_PAUSED;
	expect(&session, "{'execute':'human-monitor-command','arguments':{'command-line':'c'}}",
	       "");

	qmp_resumed(&rig.qmp);

	expect(&session, "", EVENT("\"RESUME\"") "{\"return\": \"\"}\r\n");
}
END_TEST

/* The other monitor's answers come when the same is done. */
START_TEST(hmp_stop_and_quit_are_answered_as_they_are_done)
{
	expect(&session, "{'execute':'human-monitor-command','arguments':{'command-line':'stop'}}",
	       "");
	ck_assert_uint_eq(rig.stops, 1);
	qmp_stopped(&rig.qmp);
	expect(&session, "", EVENT("\"STOP\"") "{\"return\": \"\"}\r\n");

	expect(&session, "{'execute':'human-monitor-command','arguments':{'command-line':'q'}}",
	       "");
	ck_assert_int_eq(rig.ends, 1 << QMP_END_QUIT);
}
END_TEST

START_TEST(query_name_of_a_vm_without_is_empty)
{
	rig.cfg.name = NULL;

	expect(&session, "{'execute':'query-name'}", OK);
}
END_TEST

START_TEST(ended_vm_answers_whoever_waits)
{
	expect(&session, "{'execute':'stop'}", "");
	expect(&other, "{'execute':'quit','id':'q'}", "");
	ck_assert_int_eq(rig.ends, 1 << QMP_END_QUIT);

	qmp_ended(&rig.qmp, false, "host-qmp-quit");

	expect(&other, "",
	       EVENT("\"SHUTDOWN\", \"data\": {\"guest\": false, \"reason\": \"host-qmp-quit\"}") "{\"return\": {}, \"id\": \"q\"}\r\n");
	expect(&session, "",
	       EVENT("\"SHUTDOWN\", \"data\": {\"guest\": false, \"reason\": \"host-qmp-quit\"}")
	               OK);
}
END_TEST

START_TEST(reset_of_machine_that_resets_is_answered_after_its_event)
{
	rig.cfg.on_reboot = ON_REBOOT_RESET;
	expect(&session, "{'execute':'system_reset','id':7}{'execute':'query-pci'}", "");
	ck_assert_int_eq(rig.ends, 1 << QMP_END_RESET);
	expect(&other, "{'execute':'query-pci'}", "{\"return\": []}\r\n");

	qmp_reset(&rig.qmp, false, "host-qmp-system-reset");

	expect(&session, "",
	       EVENT("\"RESET\", \"data\": {\"guest\": false, \"reason\": "
	             "\"host-qmp-system-reset\"}") "{\"return\": {}, \"id\": 7}\r\n");
}
END_TEST

START_TEST(cont_of_panicked_guest_is_refused)
{
	rig.status = QMP_PANICKED;

	expect(&session, "{'execute':'cont'}",
	       ERROR("GenericError", "Resetting the Virtual Machine is required"));
	ck_assert_uint_eq(rig.conts, 0);
	expect(&session, "{'execute':'query-status'}",
	       "{\"return\": {\"status\": \"guest-panicked\", \"singlestep\": false, "
	       "\"running\": false}}\r\n");
}
END_TEST

START_TEST(event_before_negotiation_is_not_told)
{
	struct qmp_session s;

	qmp_session_init(&s, &rig.qmp);

	qmp_panicked(&rig.qmp, "run");

	expect(&s, "", GREETING);
	expect(&session, "", EVENT("\"GUEST_PANICKED\", \"data\": {\"action\": \"run\"}"));
	qmp_session_fini(&s);
}
END_TEST

START_TEST(event_for_client_that_never_reads_ends_it)
{
	for (unsigned i = 0; i < 10000; i++)
		qmp_powerdown(&rig.qmp);

	ck_assert(session.ended);
	ck_assert_uint_le(session.out.len, QMP_OUT_MAX);
	ck_assert_uint_le(session.out.room, QMP_OUT_MAX);
}
END_TEST

START_TEST(feed_client_that_never_reads_is_not_heard)
{
	const char *command = "{'execute':'query-commands'}";
	size_t len = strlen(command);

	for (unsigned i = 0; i < 1000 && qmp_session_may_feed(&session); i++)
		ck_assert_uint_eq(qmp_session_feed(&session, (const uint8_t *)command, len), len);

	ck_assert(!qmp_session_may_feed(&session));
	ck_assert_uint_le(session.out.room, 2 * QMP_OUT_ENOUGH);
	ck_assert(!session.ended);
}
END_TEST

START_TEST(feed_too_long_a_command_ends_the_session)
{
	uint8_t many[1024];
	size_t used = 0;

	memset(many, 'a', sizeof(many));
	free(qmp_rig_say(&session, "{\""));
	for (unsigned i = 0; i < 64 && !session.ended; i++)
		used += qmp_session_feed(&session, many, sizeof(many));

	ck_assert(session.ended);
	ck_assert_uint_le(used, QMP_STREAM_MAX + 1);
	ck_assert_ptr_null(session.in.text);
}
END_TEST

START_TEST(feed_too_deep_a_command_ends_the_session)
{
	char many[QMP_STREAM_DEPTH + 2] = "";

	memset(many, '[', sizeof(many) - 1);
	expect(&session, many,
	       GENERIC("JSON parse error, a command has at most 32768 bytes and 64 levels"));
	ck_assert(session.ended);
}
END_TEST

static int a_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(disk_that_is_full_is_told_and_shown)
{
	char *shown;

	qmp_disk_failed(&rig.qmp, &(struct qmp_disk_error){ 0, ENOSPC, true, true });
	expect(&session, "",
	       "{\"timestamp\": {\"seconds\": N, \"microseconds\": N}, \"event\": "
	       "\"BLOCK_IO_ERROR\", \"data\": {\"device\": \"\", \"node-name\": \"d0\", "
	       "\"operation\": \"write\", \"action\": \"stop\", \"nospace\": true, "
	       "\"reason\": \"No space left on device\"}}\r\n");
	rig.status = QMP_IO_ERROR;
	rig.disk_error = ENOSPC;
	expect(&session, "{'execute':'query-status'}",
	       "{\"return\": {\"status\": \"io-error\", \"singlestep\": false, \"running\": "
	       "false}}\r\n");
	shown = qmp_rig_say(&session, "{'execute':'query-block'}");
	ck_assert_ptr_nonnull(strstr(shown, "\"io-status\": \"nospace\""));
	free(shown);
}
END_TEST

START_TEST(getfd_is_kept_until_closefd)
{
	int fd = a_descriptor();

	qmp_session_add_fd(&session, fd);
	expect(&session, " ", "");
	expect(&session, "{'execute':'getfd','arguments':{'fdname':'tap'}}", OK);
	ck_assert(is_open(fd));

	expect(&other, "{'execute':'closefd','arguments':{'fdname':'tap'}}", OK);

	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(getfd_of_the_same_name_closes_the_old_one)
{
	int first = a_descriptor(), second = a_descriptor();

	qmp_session_add_fd(&session, first);
	qmp_session_add_fd(&session, second);
	expect(&session, "{'execute':'getfd','arguments':{'fdname':'a'}}", OK);
	expect(&session, "{'execute':'getfd','arguments':{'fdname':'a'}}", OK);

	ck_assert(!is_open(first));
	ck_assert(is_open(second));
}
END_TEST

START_TEST(getfd_digit_is_refused_and_the_descriptor_closed)
{
	int fd = a_descriptor();

	qmp_session_add_fd(&session, fd);
	expect(&session, "{'execute':'getfd','arguments':{'fdname':'1'}}",
	       GENERIC("Parameter 'fdname' expects a name not starting with a digit"));

	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(add_fd_shows_in_its_set)
{
	char hears[160];
	int fd = a_descriptor();

	qmp_session_add_fd(&session, fd);
	snprintf(hears, sizeof(hears), "{\"return\": {\"fd\": %d, \"fdset-id\": 0}}\r\n", fd);
	expect(&session, "{'execute':'add-fd','arguments':{'opaque':''}}", hears);
	snprintf(hears, sizeof(hears),
	         "{\"return\": [{\"fds\": [{\"fd\": %d, \"opaque\": \"\"}], \"fdset-id\": 0}]}\r\n",
	         fd);
	expect(&other, "{'execute':'query-fdsets'}", hears);

	expect(&session, "{'execute':'remove-fd','arguments':{'fdset-id':0}}", OK);

	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(add_fd_negative_set_is_refused_and_the_descriptor_closed)
{
	int fd = a_descriptor();

	qmp_session_add_fd(&session, fd);
	expect(&session, "{'execute':'add-fd','arguments':{'fdset-id':-1}}",
	       GENERIC("Parameter 'fdset-id' expects a non-negative value"));

	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(add_fd_too_many_are_closed)
{
	int last = -1;

	for (unsigned i = 0; i <= QMP_SESSION_FDS; i++) {
		last = a_descriptor();
		qmp_session_add_fd(&session, last);
	}
	ck_assert(!is_open(last));
}
END_TEST

START_TEST(add_fd_full_house_is_refused_and_the_descriptor_closed)
{
	int fd = -1;

	for (unsigned i = 0; i < QMP_FDS_MAX; i++) {
		qmp_session_add_fd(&session, a_descriptor());
		free(qmp_rig_say(&session, "{'execute':'add-fd'}"));
	}
	fd = a_descriptor();
	qmp_session_add_fd(&session, fd);

	expect(&session, "{'execute':'add-fd'}",
	       GENERIC("The file descriptor cannot be kept: there are too many"));
	ck_assert(!is_open(fd));
}
END_TEST

START_TEST(fini_waiting_session_is_fine)
{
	expect(&session, "{'execute':'stop','id':[1]}", "");
	qmp_session_add_fd(&session, a_descriptor());

	qmp_session_fini(&session);
	qmp_stopped(&rig.qmp);

	expect(&other, "", EVENT("\"STOP\""));
}
END_TEST

START_TEST(mute_waiting_session_goes_on)
{
	expect(&session, "{'execute':'stop','id':[1]}", "");

	qmp_session_mute(&session);

	expect(&session, "{'execute':'quit'}", "");
	ck_assert_int_eq(rig.ends, 1 << QMP_END_QUIT);
}
END_TEST

static TCase *tell_case(void)
{
	TCase *t = tcase_create("events and waits");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, changes_reach_the_machine);
	tcase_add_test(t, devices_news_are_told);
	tcase_add_test(t, chardev_change_gives_the_socket_away);
	tcase_add_test(t, chardev_change_other_descriptors_are_refused);
	tcase_add_test(t, stop_is_answered_when_the_vm_stands_still);
	tcase_add_test(t, cont_is_answered_when_the_vm_runs);
	tcase_add_test(t, hmp_stop_and_quit_are_answered_as_they_are_done);
	tcase_add_test(t, query_name_of_a_vm_without_is_empty);
	tcase_add_test(t, ended_vm_answers_whoever_waits);
	tcase_add_test(t, reset_of_machine_that_resets_is_answered_after_its_event);
	tcase_add_test(t, cont_of_panicked_guest_is_refused);
	tcase_add_test(t, event_before_negotiation_is_not_told);
	tcase_add_test(t, event_for_client_that_never_reads_ends_it);
	tcase_add_test(t, fini_waiting_session_is_fine);
	tcase_add_test(t, mute_waiting_session_goes_on);
	return t;
}

static TCase *fds_case(void)
{
	TCase *t = tcase_create("descriptors");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, disk_that_is_full_is_told_and_shown);
	tcase_add_test(t, getfd_is_kept_until_closefd);
	tcase_add_test(t, getfd_of_the_same_name_closes_the_old_one);
	tcase_add_test(t, getfd_digit_is_refused_and_the_descriptor_closed);
	tcase_add_test(t, add_fd_shows_in_its_set);
	tcase_add_test(t, add_fd_negative_set_is_refused_and_the_descriptor_closed);
	tcase_add_test(t, add_fd_too_many_are_closed);
	tcase_add_test(t, add_fd_full_house_is_refused_and_the_descriptor_closed);
	return t;
}

int main(void)
{
	Suite *s = suite_create("qmp");
	TCase *t = tcase_create("talk");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, feed_talk_is_answered_word_for_word, 0, ARRAY_SIZE(talks));
	tcase_add_loop_test(t, feed_talk_byte_by_byte_is_answered_alike, 0, ARRAY_SIZE(talks));
	tcase_add_test(t, feed_zero_byte_is_named);
	tcase_add_test(t, init_new_session_greets);
	tcase_add_loop_test(t, feed_before_negotiation_is_judged, 0, ARRAY_SIZE(beginnings));
	tcase_add_test(t, feed_client_that_never_reads_is_not_heard);
	tcase_add_test(t, feed_too_long_a_command_ends_the_session);
	tcase_add_test(t, feed_too_deep_a_command_ends_the_session);
	suite_add_tcase(s, t);
	suite_add_tcase(s, tell_case());
	suite_add_tcase(s, fds_case());
	return run_suite(s);
}
