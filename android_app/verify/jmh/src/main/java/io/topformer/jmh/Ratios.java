package io.topformer.jmh;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** Runs the benchmarks and prints how many times as long the naive way takes, with the errors of both. */
public final class Ratios {
  private Ratios() {}

  public static void main(String[] args) throws RunnerException {
    var options =
        new OptionsBuilder()
            .include("io\\.topformer\\.jmh\\." + args[0] + "Benchmark")
            .mode(Mode.AverageTime)
            .timeUnit(TimeUnit.MILLISECONDS)
            .forks(2)
            .warmupIterations(3)
            .warmupTime(TimeValue.seconds(1))
            .measurementIterations(5)
            .measurementTime(TimeValue.seconds(1))
            .build();
    Map<String, Result<?>> naive = new TreeMap<>();
    Map<String, Result<?>> ours = new TreeMap<>();
    for (RunResult run : new Runner(options).run()) {
      var result = run.getPrimaryResult();
      var params = run.getParams();
      var name = new StringBuilder(params.getBenchmark().replaceAll("^.*\\.(\\w+)Benchmark\\..*$", "$1"));
      for (String key : params.getParamsKeys()) {
        name.append(' ').append(key).append('=').append(params.getParam(key));
      }
      (result.getLabel().equals("naive") ? naive : ours).put(name.toString(), result);
    }
    System.out.println();
    naive.forEach((name, slow) -> System.out.println(line(name, slow, ours.get(name))));
  }

  /** The range is that of JMH's errors, half the width of 99.9 % intervals. */
  private static String line(String name, Result<?> naive, Result<?> ours) {
    double least = (naive.getScore() - naive.getScoreError()) / (ours.getScore() + ours.getScoreError());
    double most = (naive.getScore() + naive.getScoreError()) / (ours.getScore() - ours.getScoreError());
    return String.format(
        "%-34s naive %8.2f ms, ours %7.2f ms: %.1f times (%.1f to %.1f)",
        name, naive.getScore(), ours.getScore(), naive.getScore() / ours.getScore(), least, most);
  }
}
