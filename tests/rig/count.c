/* Counts the instructions that an emulated program executes: a plugin for qemu-aarch64.
 *
 * Each translation block adds its length to one counter, inline, when it is entered. Threads add
 * without a lock, so the count is exact for one running thread only. The system call
 * prctl(0x746f7066, STAGE), which means nothing to a kernel, appends "STAGE COUNT" to the file named
 * in COUNT_INSTRUCTIONS_LOG.
 *
 * Debian packages no header of qemu's plugins. What is used of version 1 of their interface
 * (qemu 7.2, include/qemu/qemu-plugin.h) is declared here. */

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_info_t;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*translated)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*system_called)(qemu_plugin_id_t, unsigned vcpu, int64_t number, uint64_t, uint64_t,
                              uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *,
                                              uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, system_called);

enum { PRCTL_OF_AARCH64 = 167, MARKER = 0x746f7066 };

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t executed;
static int log_file = -1;

static void count_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &executed,
                                           qemu_plugin_tb_n_insns(block));
}

static void append(const char *line, int size) {
  if (write(log_file, line, size) != size) {
    perror("count-instructions");
    _exit(125);
  }
}

static void note_marker(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t option,
                        uint64_t stage, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
                        uint64_t a7, uint64_t a8) {
  (void)id, (void)vcpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number != PRCTL_OF_AARCH64 || option != MARKER) return;
  char line[64];
  append(line, snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 "\n", stage, executed));
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const struct qemu_info_t *info,
                                                               int argc, char **argv) {
  (void)info, (void)argc, (void)argv;
  static const char header[] = "topformer-instructions/1 cpu=" EMULATED_CPU "\n";
  const char *path = getenv("COUNT_INSTRUCTIONS_LOG");
  struct stat state;
  if (path != NULL) log_file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (log_file < 0 || fstat(log_file, &state) != 0) {
    perror("count-instructions: the log");
    return -1;
  }
  if (state.st_size == 0) append(header, sizeof header - 1);
  qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
  qemu_plugin_register_vcpu_syscall_cb(id, note_marker);
  return 0;
}
