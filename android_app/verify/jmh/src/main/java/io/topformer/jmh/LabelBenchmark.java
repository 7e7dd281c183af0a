package io.topformer.jmh;

import io.topformer.core.Labeller;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Logits [classes, 56, 56] to labels at 448x448. */
@State(Scope.Thread)
public class LabelBenchmark {
  private static final int LOGITS = 56;
  private static final int SIDE = 448;

  @Param({"11", "150"})
  public int classes;

  /** How many independent values lie along one side: 7 is smooth as a picture's, 56 is noise. */
  @Param({"7", "56"})
  public int grid;

  private float[] logits;
  private short[] labels;
  private Labeller labeller;

  @Setup
  public void setUp() {
    logits = logits(classes, grid);
    labels = new short[SIDE * SIDE];
    labeller = new Labeller(classes, LOGITS, LOGITS, SIDE, SIDE);
  }

  static float[] logits(int classes, int grid) {
    Random random = new Random(1);
    float[] coarse = new float[classes * grid * grid];
    for (int i = 0; i < coarse.length; i++) coarse[i] = (float) random.nextGaussian();
    float[] logits = new float[classes * LOGITS * LOGITS];
    for (int number = 0; number < classes; number++) {
      enlarge(coarse, number, grid, LOGITS, logits, number * LOGITS * LOGITS);
    }
    return logits;
  }

  @Benchmark
  public short[] ours() {
    labeller.label(logits, labels);
    return labels;
  }

  /** Enlarges every class, one at a time so that it stays in the cache, and keeps the best so far. */
  @Benchmark
  public short[] naive() {
    float[] best = new float[SIDE * SIDE];
    float[] values = new float[SIDE * SIDE];
    enlarge(logits, 0, LOGITS, SIDE, best, 0);
    java.util.Arrays.fill(labels, (short) 0);
    for (int number = 1; number < classes; number++) {
      enlarge(logits, number, LOGITS, SIDE, values, 0);
      for (int i = 0; i < values.length; i++) {
        if (values[i] > best[i]) {
          best[i] = values[i];
          labels[i] = (short) number;
        }
      }
    }
    return labels;
  }

  private static void enlarge(
      float[] from, int number, int fromSide, int toSide, float[] to, int toStart) {
    int plane = number * fromSide * fromSide;
    float scale = (float) fromSide / toSide;
    for (int y = 0; y < toSide; y++) {
      float down = Math.max(scale * (y + 0.5f) - 0.5f, 0f);
      int top = (int) down;
      int bottom = Math.min(top + 1, fromSide - 1);
      for (int x = 0; x < toSide; x++) {
        float across = Math.max(scale * (x + 0.5f) - 0.5f, 0f);
        int left = (int) across;
        int right = Math.min(left + 1, fromSide - 1);
        float share = across - left;
        float upper = mix(from[plane + top * fromSide + left], from[plane + top * fromSide + right], share);
        float lower =
            mix(from[plane + bottom * fromSide + left], from[plane + bottom * fromSide + right], share);
        to[toStart + y * toSide + x] = mix(upper, lower, down - top);
      }
    }
  }

  private static float mix(float first, float second, float share) {
    return (1 - share) * first + share * second;
  }
}
