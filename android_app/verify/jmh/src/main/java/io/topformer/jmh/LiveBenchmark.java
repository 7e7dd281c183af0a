package io.topformer.jmh;

import io.topformer.core.ClassShares;
import io.topformer.core.LabelColours;
import io.topformer.core.LabelPainterKt;
import io.topformer.core.Labeller;
import io.topformer.core.Preprocessor;
import io.topformer.core.YuvFrame;
import io.topformer.core.YuvRows;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Random;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** All that the app does for a camera frame of 640x480, but for the network: to a painted overlay. */
@State(Scope.Thread)
public class LiveBenchmark {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 480;
  private static final int SIDE = 448;
  private static final int LOGITS = 56;

  // 480x640 on a screen of 1080x1440, at a million labels.
  private static final int SCREEN_WIDTH = 866;
  private static final int SCREEN_HEIGHT = 1154;

  @Param({"11", "150"})
  public int classes;

  private YuvFrame frame;
  private FloatBuffer tensor;
  private Preprocessor preprocessor;
  private float[] logits;
  private int[] palette;
  private ClassShares shares;

  private Labeller labeller;
  private short[] labels;
  private LabelColours colours;
  private int[] pixels;
  private int[] overlay;

  private Labeller screenLabeller;
  private short[] screenLabels;
  private final YuvRows rows = new YuvRows();
  private final int[][] rgb = new int[3][HEIGHT];
  private int[] screenPixels;
  private int[] screenOverlay;
  private int[] picture;

  @Setup
  public void setUp() {
    Random random = new Random(1);
    frame =
        PreprocessBenchmark.frame(
            PreprocessBenchmark.filled(WIDTH * HEIGHT, random),
            PreprocessBenchmark.filled(WIDTH * HEIGHT / 2, random));
    tensor =
        ByteBuffer.allocateDirect(3 * SIDE * SIDE * 4).order(ByteOrder.nativeOrder()).asFloatBuffer();
    preprocessor =
        new Preprocessor(SIDE, SIDE, new float[] {123.7f, 116.3f, 103.5f}, new float[] {58f, 57f, 57f});
    logits = LabelBenchmark.logits(classes, 7);
    palette = random.ints(classes).map(colour -> colour | 0xFF000000).toArray();
    shares = new ClassShares(classes);

    labeller = new Labeller(classes, LOGITS, LOGITS, SIDE, SIDE);
    labels = new short[SIDE * SIDE];
    colours = new LabelColours(palette, random.ints(classes).toArray());
    pixels = new int[SIDE * SIDE];
    overlay = new int[SIDE * SIDE];

    screenLabeller = new Labeller(classes, LOGITS, LOGITS, SCREEN_HEIGHT, SCREEN_WIDTH);
    screenLabels = new short[SCREEN_WIDTH * SCREEN_HEIGHT];
    screenPixels = new int[SCREEN_WIDTH * SCREEN_HEIGHT];
    screenOverlay = new int[SCREEN_WIDTH * SCREEN_HEIGHT];
    picture = new int[WIDTH * HEIGHT];
  }

  @Benchmark
  public int[] ours() {
    preprocessor.fromYuv(frame, 90, false, tensor);
    labeller.label(logits, labels);
    LabelPainterKt.paintLabels(labels, SIDE, SIDE, 1, colours, pixels);
    // As Bitmap.copyPixelsFromBuffer.
    System.arraycopy(pixels, 0, overlay, 0, pixels.length);
    shares.count(labels);
    return overlay;
  }

  /**
   * The app's way before: the frame is converted a second time for the screen, and labels are made,
   * painted and counted at the screen's size.
   */
  @Benchmark
  public int[] naive() {
    preprocessor.fromYuv(frame, 90, false, tensor);
    screenLabeller.label(logits, screenLabels);
    rows.load(frame, 90, false);
    for (int y = 0; y < WIDTH; y++) {
      rows.read(y, rgb);
      for (int x = 0; x < HEIGHT; x++) {
        screenPixels[y * HEIGHT + x] =
            0xFF000000 | rgb[0][x] << 16 | rgb[1][x] << 8 | rgb[2][x];
      }
    }
    setPixels(picture);
    for (int i = 0; i < screenLabels.length; i++) screenPixels[i] = palette[screenLabels[i] & 0xFFFF];
    setPixels(screenOverlay);
    shares.count(screenLabels);
    return screenOverlay;
  }

  /** As Bitmap.setPixels, which puts red first. */
  private void setPixels(int[] bitmap) {
    for (int i = 0; i < bitmap.length; i++) {
      int pixel = screenPixels[i];
      bitmap[i] = pixel & 0xFF00FF00 | pixel >> 16 & 0xFF | (pixel & 0xFF) << 16;
    }
  }
}
