/* tests/browser/cameras.c - loaded into Firefox by LD_PRELOAD: three cameras on a machine that has none.
 *
 * Firefox's own fake is a single camera. Here its real capture code opens /dev/video0 to 2 and speaks V4L2 to this
 * file: a grey picture each, of its own brightness. The third one is held by "another program". What is switched on
 * and off is appended to the file that CAMERAS_LOG names. Left out: whatever Firefox does not ask for. */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  N_CAMERAS = 3,
  TAKEN = 2,
  WIDTH = 640,
  HEIGHT = 480,
  PICTURE = WIDTH * HEIGHT * 2, /* YUYV */
  N_BUFFERS = 4,
  FRAME_MS = 50,
  FDS = 4096,
};

static const uint8_t greys[N_CAMERAS] = {70, 190, 128};
static _Atomic uint8_t camera_of[FDS]; /* 1 more than its number; 0: none */
static _Atomic uint32_t n_frames[FDS];
static uint8_t picture[PICTURE];

static void note(const char *what, int camera) {
  const char *path = getenv("CAMERAS_LOG");
  int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
  char line[32];
  int n = snprintf(line, sizeof line, "%s %d\n", what, camera + 1);
  if (fd < 0) return;
  (void)!write(fd, line, (size_t)n);
  close(fd);
}

/* The camera of |fd|; -1: it is something else. */
static int camera_at(int fd) { return fd >= 0 && fd < FDS ? atomic_load(&camera_of[fd]) - 1 : -1; }

static int fail(int error) {
  errno = error;
  return -1;
}

/* ---- opening ---- */

static int open_any(const char *path, int flags, unsigned mode) {
  if (strncmp(path, "/dev/video", 10) != 0) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  int camera = path[10] - '0';
  if (camera < 0 || camera >= N_CAMERAS || path[11]) return fail(ENOENT);
  if (camera == TAKEN && (flags & O_ACCMODE) != O_RDONLY) return fail(EBUSY);
  int fd = (int)syscall(SYS_memfd_create, "camera", 1U /* close-on-exec */);
  if (fd < 0) return -1;
  if (fd >= FDS || ftruncate(fd, (off_t)N_BUFFERS * PICTURE)) {
    close(fd);
    return fail(ENFILE);
  }
  atomic_store(&n_frames[fd], 0);
  atomic_store(&camera_of[fd], (uint8_t)(camera + 1));
  return fd;
}

/* By their names of the C library; its headers may have made something else of them. */
#define SHOWN __attribute__((visibility("default")))
SHOWN int take_open(const char *path, int flags, unsigned mode) __asm__("open");
SHOWN int take_open64(const char *path, int flags, unsigned mode) __asm__("open64");
SHOWN int take_open_2(const char *path, int flags) __asm__("__open_2");
SHOWN int take_open64_2(const char *path, int flags) __asm__("__open64_2");
SHOWN int take_close(int fd) __asm__("close");
SHOWN int take_ioctl(int fd, unsigned long request, void *data) __asm__("ioctl");
SHOWN int take_poll(struct pollfd *fds, unsigned long n, int limit_ms) __asm__("poll");

int take_open(const char *path, int flags, unsigned mode) { return open_any(path, flags, mode); }
int take_open64(const char *path, int flags, unsigned mode) { return open_any(path, flags, mode); }
int take_open_2(const char *path, int flags) { return open_any(path, flags, 0); }
int take_open64_2(const char *path, int flags) { return open_any(path, flags, 0); }

int take_close(int fd) {
  if (camera_at(fd) >= 0) atomic_store(&camera_of[fd], 0);
  return (int)syscall(SYS_close, fd);
}

/* ---- what it is asked ---- */

static void describe(struct v4l2_capability *to, int camera) {
  memset(to, 0, sizeof *to);
  snprintf((char *)to->driver, sizeof to->driver, "test");
  snprintf((char *)to->card, sizeof to->card, "Camera %d", camera + 1);
  snprintf((char *)to->bus_info, sizeof to->bus_info, "test:%d", camera + 1);
  to->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  to->capabilities = to->device_caps | V4L2_CAP_DEVICE_CAPS;
}

/* The only one there is, whatever was wished. */
static int settle_format(struct v4l2_pix_format *format) {
  if (format->pixelformat != V4L2_PIX_FMT_YUYV) return fail(EINVAL);
  *format = (struct v4l2_pix_format){
      .width = WIDTH, .height = HEIGHT, .pixelformat = V4L2_PIX_FMT_YUYV, .field = V4L2_FIELD_NONE};
  format->bytesperline = WIDTH * 2;
  format->sizeimage = PICTURE;
  return 0;
}

static int list_format(struct v4l2_fmtdesc *format) {
  if (format->index > 0) return fail(EINVAL);
  format->pixelformat = V4L2_PIX_FMT_YUYV;
  snprintf((char *)format->description, sizeof format->description, "YUYV 4:2:2");
  return 0;
}

static int list_size(struct v4l2_frmsizeenum *size) {
  if (size->index > 0 || size->pixel_format != V4L2_PIX_FMT_YUYV) return fail(EINVAL);
  size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
  size->discrete.width = WIDTH;
  size->discrete.height = HEIGHT;
  return 0;
}

static int list_interval(struct v4l2_frmivalenum *interval) {
  if (interval->index > 0) return fail(EINVAL);
  interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
  interval->discrete = (struct v4l2_fract){FRAME_MS, 1000};
  return 0;
}

static int describe_buffer(struct v4l2_buffer *buffer) {
  if (buffer->index >= N_BUFFERS) return fail(EINVAL);
  buffer->length = PICTURE;
  buffer->m.offset = buffer->index * (unsigned)PICTURE;
  return 0;
}

/* One after the other: Firefox gives each back before it takes the next. */
static int next_picture(int fd, int camera, struct v4l2_buffer *buffer) {
  buffer->index = atomic_fetch_add(&n_frames[fd], 1) % N_BUFFERS;
  for (size_t i = 0; i < PICTURE; i += 2) {
    picture[i] = greys[camera];
    picture[i + 1] = 128;
  }
  if (pwrite(fd, picture, PICTURE, (off_t)buffer->index * PICTURE) != PICTURE) return -1;
  buffer->bytesused = PICTURE;
  return describe_buffer(buffer);
}

static int serve(int fd, int camera, unsigned long request, void *data) {
  switch (request) {
    case VIDIOC_QUERYCAP: describe(data, camera); return 0;
    case VIDIOC_ENUM_FMT: return list_format(data);
    case VIDIOC_ENUM_FRAMESIZES: return list_size(data);
    case VIDIOC_ENUM_FRAMEINTERVALS: return list_interval(data);
    case VIDIOC_TRY_FMT:
    case VIDIOC_S_FMT: return settle_format(&((struct v4l2_format *)data)->fmt.pix);
    case VIDIOC_REQBUFS: ((struct v4l2_requestbuffers *)data)->count = N_BUFFERS; return 0;
    case VIDIOC_QUERYBUF: return describe_buffer(data);
    case VIDIOC_QBUF: return 0;
    case VIDIOC_DQBUF: return next_picture(fd, camera, data);
    case VIDIOC_STREAMON: note("on", camera); return 0;
    case VIDIOC_STREAMOFF: note("off", camera); return 0;
    default: return fail(EINVAL);
  }
}

int take_ioctl(int fd, unsigned long request, void *data) {
  int camera = camera_at(fd);
  if (camera >= 0 && _IOC_TYPE(request) == 'V') return serve(fd, camera, request, data);
  return (int)syscall(SYS_ioctl, fd, request, data);
}

/* A picture is there every FRAME_MS. */
int take_poll(struct pollfd *fds, unsigned long n, int limit_ms) {
  struct timespec limit = {.tv_sec = limit_ms / 1000, .tv_nsec = limit_ms % 1000 * 1000000L};
  if (n != 1 || camera_at(fds->fd) < 0)
    return (int)syscall(SYS_ppoll, fds, n, limit_ms < 0 ? NULL : &limit, NULL, 8);
  nanosleep(&(struct timespec){.tv_nsec = FRAME_MS * 1000000L}, NULL);
  fds->revents = POLLIN;
  return 1;
}
