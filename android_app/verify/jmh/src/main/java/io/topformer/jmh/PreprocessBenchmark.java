package io.topformer.jmh;

import io.topformer.core.Preprocessor;
import io.topformer.core.YuvFrame;
import io.topformer.core.YuvPlane;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** A camera frame of 640x480 to the tensor of 448x448. */
@State(Scope.Thread)
public class PreprocessBenchmark {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 480;
  private static final int SIDE = 448;
  private static final float[] MEAN = {123.675f, 116.28f, 103.53f};
  private static final float[] STD = {58.395f, 57.12f, 57.375f};

  @Param({"0", "90"})
  public int turn;

  private ByteBuffer luma;
  private ByteBuffer chroma;
  private YuvFrame frame;
  private FloatBuffer tensor;
  private Preprocessor preprocessor;

  @Setup
  public void setUp() {
    Random random = new Random(1);
    luma = filled(WIDTH * HEIGHT, random);
    chroma = filled(WIDTH * HEIGHT / 2, random);
    frame = frame(luma, chroma);
    tensor =
        ByteBuffer.allocateDirect(3 * SIDE * SIDE * 4).order(ByteOrder.nativeOrder()).asFloatBuffer();
    preprocessor = new Preprocessor(SIDE, SIDE, MEAN, STD);
  }

  static YuvFrame frame(ByteBuffer luma, ByteBuffer chroma) {
    return new YuvFrame(
        WIDTH,
        HEIGHT,
        new YuvPlane(luma, WIDTH, 1),
        new YuvPlane(chroma, WIDTH, 2),
        new YuvPlane(chroma.duplicate().position(1).slice(), WIDTH, 2));
  }

  static ByteBuffer filled(int size, Random random) {
    byte[] bytes = new byte[size];
    random.nextBytes(bytes);
    return ByteBuffer.allocateDirect(size).put(bytes).rewind();
  }

  @Benchmark
  public FloatBuffer ours() {
    preprocessor.fromYuv(frame, turn, false, tensor);
    return tensor;
  }

  /** A picture after every step, as with bitmaps; its resize looks at four pixels only. */
  @Benchmark
  public FloatBuffer naive() {
    int[] upright = turn == 0 ? toArgb() : turned(toArgb());
    int[] resized = resized(upright, turn == 0 ? WIDTH : HEIGHT, turn == 0 ? HEIGHT : WIDTH);
    for (int channel = 0; channel < 3; channel++) {
      for (int i = 0; i < resized.length; i++) {
        int level = (resized[i] >> (16 - 8 * channel)) & 0xFF;
        tensor.put(channel * SIDE * SIDE + i, (level - MEAN[channel]) / STD[channel]);
      }
    }
    return tensor;
  }

  private int[] toArgb() {
    int[] argb = new int[WIDTH * HEIGHT];
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        int place = y / 2 * WIDTH + x / 2 * 2;
        float level = luma.get(y * WIDTH + x) & 0xFF;
        float cb = (chroma.get(place) & 0xFF) - 128;
        float cr = (chroma.get(place + 1) & 0xFF) - 128;
        argb[y * WIDTH + x] =
            clamp(level + 1.402f * cr) << 16
                | clamp(level - 0.344136f * cb - 0.714136f * cr) << 8
                | clamp(level + 1.772f * cb);
      }
    }
    return argb;
  }

  private static int[] turned(int[] argb) {
    int[] upright = new int[argb.length];
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) upright[x * HEIGHT + HEIGHT - 1 - y] = argb[y * WIDTH + x];
    }
    return upright;
  }

  private static int[] resized(int[] argb, int width, int height) {
    int[] resized = new int[SIDE * SIDE];
    for (int y = 0; y < SIDE; y++) {
      float down = Math.max((y + 0.5f) * height / SIDE - 0.5f, 0f);
      int top = (int) down;
      int bottom = Math.min(top + 1, height - 1);
      for (int x = 0; x < SIDE; x++) {
        float across = Math.max((x + 0.5f) * width / SIDE - 0.5f, 0f);
        int left = (int) across;
        int right = Math.min(left + 1, width - 1);
        int pixel = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
          float upper = mix(argb[top * width + left], argb[top * width + right], shift, across - left);
          float lower = mix(argb[bottom * width + left], argb[bottom * width + right], shift, across - left);
          pixel |= clamp(upper + (down - top) * (lower - upper)) << shift;
        }
        resized[y * SIDE + x] = pixel;
      }
    }
    return resized;
  }

  private static float mix(int first, int second, int shift, float share) {
    int from = (first >> shift) & 0xFF;
    return from + share * (((second >> shift) & 0xFF) - from);
  }

  private static int clamp(float level) {
    return Math.max(0, Math.min(255, Math.round(level)));
  }
}
