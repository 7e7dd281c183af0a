/* What the kernel starts in place of every aarch64 program of the device: qemu with its own
 * libraries and always the same CPU. qemu's default CPU computes wrong int8 results, so the choice is
 * not left to an environment that a program may clear. Linked statically, because the device's
 * libraries are aarch64.
 *
 * The kernel calls it as: emulator PROGRAM ARGV0 ARGUMENTS... */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  static const char *const qemu[] = {
      "/emulator/loader", "--library-path", "/emulator/lib", "/emulator/qemu-aarch64",
      "-cpu", EMULATED_CPU, "-0"};
  enum { COUNT = sizeof qemu / sizeof *qemu };
  if (argc < 3) {
    fputs("emulator: the kernel starts this, not a person\n", stderr);
    return 127;
  }
  const char **command = calloc(COUNT + argc + 1, sizeof *command);
  if (command == NULL) return 127;
  memcpy(command, qemu, sizeof qemu);
  command[COUNT] = argv[2];
  command[COUNT + 1] = argv[1];
  /* argc - 3 arguments and the NULL after them. */
  memcpy(command + COUNT + 2, argv + 3, (argc - 2) * sizeof *argv);
  execv(command[0], (char **)command);
  perror(command[0]);
  return 127;
}
