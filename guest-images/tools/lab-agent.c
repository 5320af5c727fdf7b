// SPDX-License-Identifier: MIT
/*
 * lab-agent: the guest's end of the control channel.
 *
 * It runs on /dev/hvc1 (port 1 of the virtio console) in raw mode and speaks frames in both directions:
 *
 *   u8 type, u8 stream, u16 id, u32 length (little endian), then `length` bytes of payload
 *
 *   host -> guest                                        guest -> host
 *    1 RUN    script text; stream 1: with a stdin pipe   16 HELLO        u32 version, kernel release
 *    2 KILL   u8 signal, to the group of job `id`        17 OUT          bytes of stream 1 or 2 of job `id`
 *    3 TIME   u64 ns since the epoch                     18 EXIT         i32 status: 0-255, or 128 + signal
 *    4 PING   anything                                   19 PONG         what the PING had
 *    6 STDIN  bytes for job `id`; none = end of file     20 PROC         u32 pid, comm
 *                                                        21 FORK         u32 parent, u32 child
 *                                                        22 PROCEXIT     u32 pid
 *                                                        23 PROMPT_BEGIN u32 shell, command line
 *                                                        24 PROMPT_END   u32 shell, i32 status
 *                                                        25 MOUNTED      what init did, one line
 *
 * An agent that starts says a preamble of 16 bytes before its HELLO, and skips what it hears until the host has
 * answered with the same: a frame that one before it left unfinished in either direction ends there.
 *
 * HELLO, MOUNTED and a PROC for every process there is are sent at the start and after a PING with id 0, so that
 * neither side can miss the other.
 *
 * A job runs `sh -c` in /mnt/lab, in a session of its own. EXIT is its last frame: it is sent when the shell has been
 * reaped and its pipes hold nothing more. A child that the shell left behind with the pipes open is not waited for,
 * and what it prints later is lost.
 *
 * FUSE requests carry thread ids, so a new thread is announced with PROC; only processes are announced with FORK.
 * The agent runs SCHED_FIFO: on the guest's one CPU it reads a new program's name before that program runs on.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { VERSION = 1, HEADER = 8 };
enum { RUN = 1, KILL = 2, TIME = 3, PING = 4, STDIN = 6 };
enum { HELLO = 16, OUT, EXIT, PONG, PROC, FORK, PROCEXIT, PROMPT_BEGIN, PROMPT_END, MOUNTED };

enum {
	MAX_PAYLOAD = 64 << 20,	  /* a longer frame means that the channel is out of step */
	MAX_QUEUED = 256 << 10,	  /* frames waiting for the host, above which jobs are not read */
	MAX_STDIN = 1 << 20,	  /* bytes waiting for a job, above which the host is not read */
	MAX_ARGUMENT = 120 << 10, /* the kernel takes 128 KiB for one argument */
	MAX_SHELLS = 16,
};

#define CHANNEL "/dev/hvc1"
#define FIFO "/run/lab/prompt"
#define MOUNTED_FILE "/run/lab/mounted"
#define TREE "/mnt/lab"

struct buffer {
	uint8_t *bytes;
	size_t start, end, size;
};

struct job {
	struct job *next;
	uint16_t id;
	pid_t pid;
	bool reaped, closing;
	int status;
	int in, out[2]; /* the agent's ends, -1 when closed */
	struct buffer stdin_bytes;
};

/* What was last said of a shell's prompt. */
struct shell {
	uint32_t pid;
	bool busy;
	long history;
};

/* The preamble is FIRST and then this: never together in this program's own file, which may be printed. */
static const char preamble[] = "lab-agent hello";
enum { FIRST = 0xf1, PREAMBLE = sizeof preamble };

/* Bytes of the host's preamble that have come. */
static int greeted;
static int channel, netlink = -1, prompt = -1;
static struct buffer to_host, from_host, from_prompt;
static struct job *jobs;
static struct shell shells[MAX_SHELLS];

static void die(const char *what)
{
	int console = open("/dev/ttyS0", O_WRONLY | O_NOCTTY | O_NONBLOCK);

	if (console >= 0)
		dprintf(console, "lab-agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- buffers and frames --- */

static size_t held(const struct buffer *b)
{
	return b->end - b->start;
}

/* Room for `more` bytes at the end. */
static uint8_t *reserve(struct buffer *b, size_t more)
{
	if (b->start == b->end)
		b->start = b->end = 0;
	if (b->end + more > b->size && b->start) {
		memmove(b->bytes, b->bytes + b->start, held(b));
		b->end -= b->start;
		b->start = 0;
	}
	if (b->end + more > b->size) {
		b->size = (b->end + more) * 2;
		b->bytes = realloc(b->bytes, b->size);
		if (!b->bytes)
			die("out of memory");
	}
	return b->bytes + b->end;
}

static void append(struct buffer *b, const void *bytes, size_t length)
{
	memcpy(reserve(b, length), bytes, length);
	b->end += length;
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = value >> (8 * i);
}

static uint32_t get32(const uint8_t *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

static void send_frame(uint8_t type, uint8_t stream, uint16_t id, const void *payload, uint32_t length)
{
	uint8_t header[HEADER] = { type, stream, id & 255, id >> 8 };

	put32(header + 4, length);
	append(&to_host, header, HEADER);
	append(&to_host, payload, length);
}

/* A frame of one number and some bytes. */
static void send_number(uint8_t type, uint16_t id, uint32_t number, const void *bytes, uint32_t length)
{
	uint8_t head[4];

	put32(head, number);
	send_frame(type, 0, id, NULL, 0);
	put32(to_host.bytes + to_host.end - 4, 4 + length);
	append(&to_host, head, 4);
	append(&to_host, bytes, length);
}

static void flush_to_host(void)
{
	while (held(&to_host)) {
		ssize_t n = write(channel, to_host.bytes + to_host.start, held(&to_host));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			die("writing " CHANNEL);
		to_host.start += n;
	}
}

/* --- processes --- */

static int read_file(const char *path, char *to, int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int n;

	if (fd < 0)
		return -1;
	n = read(fd, to, size);
	close(fd);
	if (n > 0 && to[n - 1] == '\n')
		n--;
	return n;
}

static void tell_name(pid_t tgid, pid_t tid)
{
	char path[64], name[64];
	int n;

	snprintf(path, sizeof path, "/proc/%d/task/%d/comm", tgid, tid);
	n = read_file(path, name, sizeof name);
	if (n >= 0)
		send_number(PROC, 0, tid, name, n);
}

static void tell_all_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			tell_name(atoi(e->d_name), atoi(e->d_name));
	if (dir)
		closedir(dir);
}

static void listen_to_processes(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	struct {
		struct nlmsghdr nl;
		struct cn_msg cn;
		enum proc_cn_mcast_op op;
	} __attribute__((packed)) request = {
		.nl = { .nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE, .nlmsg_pid = getpid() },
		.cn = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(enum proc_cn_mcast_op) },
		.op = PROC_CN_MCAST_LISTEN,
	};
	int size = 1 << 20;

	netlink = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (netlink < 0 || bind(netlink, (void *)&address, sizeof address) < 0)
		die("process events");
	setsockopt(netlink, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (send(netlink, &request, sizeof request, 0) < 0)
		die("process events");
}

static void shell_ended(uint32_t pid, int code);

static void on_event(const struct proc_event *event)
{
	uint8_t pair[4];

	switch (event->what) {
	case PROC_EVENT_FORK:
		if (event->event_data.fork.child_pid == event->event_data.fork.child_tgid) {
			put32(pair, event->event_data.fork.child_tgid);
			send_number(FORK, 0, event->event_data.fork.parent_tgid, pair, 4);
		} else {
			tell_name(event->event_data.fork.child_tgid, event->event_data.fork.child_pid);
		}
		break;
	case PROC_EVENT_EXEC:
		tell_name(event->event_data.exec.process_tgid, event->event_data.exec.process_tgid);
		break;
	case PROC_EVENT_COMM:
		send_number(PROC, 0, event->event_data.comm.process_pid, event->event_data.comm.comm,
			    strnlen(event->event_data.comm.comm, sizeof event->event_data.comm.comm));
		break;
	case PROC_EVENT_EXIT:
		send_number(PROCEXIT, 0, event->event_data.exit.process_pid, NULL, 0);
		if (event->event_data.exit.process_pid == event->event_data.exit.process_tgid)
			shell_ended(event->event_data.exit.process_pid, event->event_data.exit.exit_code);
		break;
	default:
		break;
	}
}

static void on_netlink(void)
{
	union {
		struct nlmsghdr header;
		char bytes[4096];
	} message;

	for (;;) {
		int n = recv(netlink, &message, sizeof message, 0);

		if (n < 0 && errno == ENOBUFS) {
			tell_all_processes();
			continue;
		}
		if (n < 0)
			return;
		for (struct nlmsghdr *h = &message.header; NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
			struct cn_msg *cn = NLMSG_DATA(h);

			if (cn->id.idx == CN_IDX_PROC && cn->len >= sizeof(struct proc_event))
				on_event((struct proc_event *)cn->data);
		}
	}
}

/* --- the prompt of the person's shells --- */

static struct shell *shell_of(uint32_t pid)
{
	struct shell *unused = NULL;

	for (int i = 0; i < MAX_SHELLS; i++) {
		if (shells[i].pid == pid)
			return &shells[i];
		if (!unused && (!shells[i].pid || kill(shells[i].pid, 0) < 0))
			unused = &shells[i];
	}
	if (!unused)
		unused = &shells[pid % MAX_SHELLS];
	*unused = (struct shell){ .pid = pid, .history = -1 };
	return unused;
}

/* One message of etc/lab/prompt-hooks, without its final NUL: see there. */
static void on_prompt_message(char *text)
{
	char *rest = strchr(text, 1);
	struct shell *shell;
	uint8_t status[4];

	if (!rest || (text[0] != 'B' && text[0] != 'E'))
		return;
	*rest++ = 0;
	shell = shell_of(strtoul(text + 1, NULL, 10));
	if (text[0] == 'B' && !shell->busy) {
		char *line = strchr(rest, 1), *after;
		size_t length;
		long number;

		if (!line)
			return;
		*line++ = 0;
		number = strtol(line, &after, 10);
		/* A line that the history did not take is known by its first command only. */
		if (after == line || number == shell->history)
			after = rest;
		else
			shell->history = number;
		after += strspn(after, " *");
		shell->busy = true;
		length = strlen(after);
		while (length && after[length - 1] == '\n')
			length--;
		send_number(PROMPT_BEGIN, 0, shell->pid, after, length);
	} else if (text[0] == 'E' && shell->busy) {
		shell->busy = false;
		put32(status, atoi(rest));
		send_number(PROMPT_END, 0, shell->pid, status, 4);
	}
}

static void on_prompt(void)
{
	int n = read(prompt, reserve(&from_prompt, 4096), 4096);
	uint8_t *end;

	if (n <= 0)
		return;
	from_prompt.end += n;
	while ((end = memchr(from_prompt.bytes + from_prompt.start, 0, held(&from_prompt)))) {
		on_prompt_message((char *)from_prompt.bytes + from_prompt.start);
		from_prompt.start = end + 1 - from_prompt.bytes;
	}
}

/* A shell that ends has no prompt any more that would end its last command: `exit`, or a program that it became. */
static void shell_ended(uint32_t pid, int code)
{
	uint8_t status[4];

	for (int i = 0; i < MAX_SHELLS; i++) {
		if (shells[i].pid != pid)
			continue;
		/* What it said before it ended may not have been read yet. */
		on_prompt();
		if (shells[i].pid == pid && shells[i].busy) {
			put32(status, WIFSIGNALED(code) ? 128 + WTERMSIG(code) : WEXITSTATUS(code));
			send_number(PROMPT_END, 0, pid, status, 4);
		}
		if (shells[i].pid == pid)
			shells[i] = (struct shell){ 0 };
		return;
	}
}

/* --- jobs --- */

static struct job *job_of(uint16_t id)
{
	struct job *job = jobs;

	while (job && job->id != id)
		job = job->next;
	return job;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child. Does not return. */
static void become_job(struct job *job, char *script, size_t length, int in, int out[2])
{
	static const struct sched_param normal;
	sigset_t none;
	char path[64];

	setsid();
	sched_setscheduler(0, SCHED_OTHER, &normal);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(in, 0);
	dup2(out[0], 1);
	dup2(out[1], 2);
	if (chdir(TREE) < 0 && chdir("/") < 0)
		_exit(126);
	if (length <= MAX_ARGUMENT) {
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	} else {
		int fd;

		snprintf(path, sizeof path, "/run/lab/job-%u", job->id);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		for (size_t done = 0; fd >= 0 && done < length;) {
			ssize_t n = write(fd, script + done, length - done);

			if (n < 0)
				_exit(126);
			done += n;
		}
		execl("/bin/sh", "sh", path, (char *)NULL);
	}
	dprintf(2, "lab-agent: /bin/sh: %s\n", strerror(errno));
	_exit(127);
}

static void send_exit(uint16_t id, int status)
{
	uint8_t code[4];

	put32(code, status);
	send_frame(EXIT, 0, id, code, 4);
}

static void run(uint16_t id, bool with_stdin, const uint8_t *text, size_t length)
{
	int in[2] = { -1, -1 }, out[2], err[2];
	struct job *job;
	char *script;

	if (job_of(id)) {
		static const char busy[] = "lab-agent: this id is in use\n";

		send_frame(OUT, 2, id, busy, sizeof busy - 1);
		return;
	}
	if (with_stdin ? pipe2(in, O_CLOEXEC) : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		die("stdin of a job");
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		die("pipe");
	job = calloc(1, sizeof *job);
	script = malloc(length + 1);
	if (!job || !script)
		die("out of memory");
	memcpy(script, text, length);
	script[length] = 0;
	*job = (struct job){ .next = jobs, .id = id, .in = in[1], .out = { out[0], err[0] } };
	job->pid = fork();
	if (!job->pid)
		become_job(job, script, length, in[0], (int[]){ out[1], err[1] });
	free(script);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	if (job->pid < 0) {
		close(in[1]);
		close(out[0]);
		close(err[0]);
		free(job);
		send_exit(id, 126);
		return;
	}
	if (job->in >= 0)
		fcntl(job->in, F_SETFL, O_NONBLOCK);
	fcntl(job->out[0], F_SETFL, O_NONBLOCK);
	fcntl(job->out[1], F_SETFL, O_NONBLOCK);
	jobs = job;
}

static void feed(struct job *job)
{
	while (job->in >= 0 && held(&job->stdin_bytes)) {
		ssize_t n = write(job->in, job->stdin_bytes.bytes + job->stdin_bytes.start, held(&job->stdin_bytes));

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			/* Nobody reads it any more. */
			close_end(&job->in);
			return;
		}
		job->stdin_bytes.start += n;
	}
	if (job->closing)
		close_end(&job->in);
}

/* Passes on what one pipe holds; false when the queue to the host is full before the pipe is empty. */
static bool drain(struct job *job, int which)
{
	uint8_t bytes[16384];

	while (job->out[which] >= 0) {
		ssize_t n;

		if (held(&to_host) > MAX_QUEUED)
			return false;
		n = read(job->out[which], bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close_end(&job->out[which]);
			break;
		}
		send_frame(OUT, which + 1, job->id, bytes, n);
		flush_to_host();
	}
	return true;
}

static void finish_jobs(void)
{
	for (struct job **at = &jobs; *at;) {
		struct job *job = *at;
		bool empty;

		if (!job->reaped) {
			at = &job->next;
			continue;
		}
		empty = drain(job, 0);
		empty = drain(job, 1) && empty;
		if (!empty) {
			at = &job->next;
			continue;
		}
		send_exit(job->id, WIFSIGNALED(job->status) ? 128 + WTERMSIG(job->status) : WEXITSTATUS(job->status));
		close_end(&job->in);
		close_end(&job->out[0]);
		close_end(&job->out[1]);
		*at = job->next;
		free(job->stdin_bytes.bytes);
		free(job);
	}
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct job *job = jobs; job; job = job->next)
			if (job->pid == pid) {
				job->reaped = true;
				job->status = status;
			}
}

/* --- what the host says --- */

static void hello(void)
{
	struct utsname name;
	char text[256];
	int n;

	uname(&name);
	send_number(HELLO, 0, VERSION, name.release, strlen(name.release));
	n = read_file(MOUNTED_FILE, text, sizeof text);
	if (n >= 0)
		send_frame(MOUNTED, 0, 0, text, n);
	tell_all_processes();
}

/* A step only where the clock is off by more than 50 ms: smaller steps would be worse than the error. */
static void set_time(const uint8_t *at)
{
	int64_t wanted = get32(at) | (uint64_t)get32(at + 4) << 32, off;
	struct timespec now, then = { wanted / 1000000000, wanted % 1000000000 };

	clock_gettime(CLOCK_REALTIME, &now);
	off = wanted - (now.tv_sec * 1000000000LL + now.tv_nsec);
	if ((off > 50000000 || off < -50000000) && clock_settime(CLOCK_REALTIME, &then) < 0)
		die("setting the clock");
}

static void on_frame(uint8_t type, uint8_t stream, uint16_t id, const uint8_t *payload, uint32_t length)
{
	struct job *job;

	switch (type) {
	case RUN:
		run(id, stream == 1, payload, length);
		break;
	case KILL:
		job = job_of(id);
		if (job && !job->reaped && length >= 1)
			kill(-job->pid, payload[0]);
		break;
	case TIME:
		if (length >= 8)
			set_time(payload);
		break;
	case PING:
		send_frame(PONG, stream, id, payload, length);
		if (id == 0)
			hello();
		break;
	case STDIN:
		job = job_of(id);
		if (!job || job->in < 0)
			break;
		if (length)
			append(&job->stdin_bytes, payload, length);
		else
			job->closing = true;
		feed(job);
		break;
	default:
		break;
	}
}

static void on_host(void)
{
	int n = read(channel, reserve(&from_host, 4096), 4096);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		die("reading " CHANNEL);
	from_host.end += n;
	while (greeted < PREAMBLE && held(&from_host)) {
		uint8_t byte = from_host.bytes[from_host.start++];

		if (byte == FIRST)
			greeted = 1;
		else if (greeted && byte == (uint8_t)preamble[greeted - 1])
			greeted++;
		else
			greeted = 0;
	}
	if (greeted < PREAMBLE)
		return;
	while (held(&from_host) >= HEADER) {
		const uint8_t *at = from_host.bytes + from_host.start;
		uint32_t length = get32(at + 4);

		if (length > MAX_PAYLOAD) {
			errno = EPROTO;
			die("a frame of the host");
		}
		if (held(&from_host) < HEADER + length)
			break;
		on_frame(at[0], at[1], at[2] | at[3] << 8, at + HEADER, length);
		from_host.start += HEADER + length;
	}
}

static void open_channel(void)
{
	struct termios raw;

	channel = open(CHANNEL, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (channel < 0)
		exit(0);
	if (tcgetattr(channel, &raw) < 0)
		die(CHANNEL);
	cfmakeraw(&raw);
	tcsetattr(channel, TCSANOW, &raw);
}

int main(void)
{
	enum { HOST, EVENTS, PROMPT, CHILDREN, FIXED };
	const struct sched_param first = { .sched_priority = 1 };
	sigset_t child;
	int children;
	struct pollfd *fds = NULL;
	int room = 0;

	open_channel();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children < 0)
		die("signalfd");
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		die("SCHED_FIFO");
	listen_to_processes();
	mkfifo(FIFO, 0622);
	/* Open for writing too, or the end of each writer would wake the agent for ever. */
	prompt = open(FIFO, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (prompt < 0)
		die(FIFO);
	*reserve(&to_host, 1) = FIRST;
	to_host.end++;
	append(&to_host, preamble, PREAMBLE - 1);
	hello();

	for (;;) {
		bool host_may_talk = true, full;
		int n = FIXED, count = FIXED;

		flush_to_host();
		full = held(&to_host) > MAX_QUEUED;
		for (struct job *job = jobs; job; job = job->next)
			count += 3;
		if (count > room) {
			room = count * 2;
			fds = realloc(fds, room * sizeof *fds);
			if (!fds)
				die("out of memory");
		}
		for (struct job *job = jobs; job; job = job->next) {
			bool feeding = job->in >= 0 && held(&job->stdin_bytes);

			if (feeding && held(&job->stdin_bytes) > MAX_STDIN)
				host_may_talk = false;
			fds[n++] = (struct pollfd){ feeding ? job->in : -1, POLLOUT, 0 };
			fds[n++] = (struct pollfd){ full ? -1 : job->out[0], POLLIN, 0 };
			fds[n++] = (struct pollfd){ full ? -1 : job->out[1], POLLIN, 0 };
		}
		fds[HOST] = (struct pollfd){ channel, (host_may_talk ? POLLIN : 0) | (held(&to_host) ? POLLOUT : 0), 0 };
		fds[EVENTS] = (struct pollfd){ netlink, POLLIN, 0 };
		fds[PROMPT] = (struct pollfd){ prompt, POLLIN, 0 };
		fds[CHILDREN] = (struct pollfd){ children, POLLIN, 0 };
		if (poll(fds, n, -1) < 0 && errno != EINTR)
			die("poll");

		if (fds[EVENTS].revents)
			on_netlink();
		if (fds[PROMPT].revents)
			on_prompt();
		n = FIXED;
		for (struct job *job = jobs; job; job = job->next, n += 3) {
			if (fds[n].revents)
				feed(job);
			if (fds[n + 1].revents)
				drain(job, 0);
			if (fds[n + 2].revents)
				drain(job, 1);
		}
		if (fds[CHILDREN].revents) {
			struct signalfd_siginfo info;

			while (read(children, &info, sizeof info) > 0)
				;
			reap();
		}
		finish_jobs();
		if (fds[HOST].revents & (POLLIN | POLLHUP | POLLERR))
			on_host();
	}
}
