package io.topformer.demo

import io.topformer.core.GoldenException
import io.topformer.core.GoldenReader
import java.util.Locale

/** Whether this device computes what the model's export promised. */
sealed interface SelfCheck {
    object Passed : SelfCheck

    class Differs(val how: String) : SelfCheck

    object Absent : SelfCheck

    companion object {
        /** Runs the model on its golden picture; throws what `Segmenter.run` does. */
        fun run(pipeline: Pipeline, golden: ByteArray?): SelfCheck {
            if (golden == null) return Absent
            return try {
                val result = pipeline.check(GoldenReader.read(golden))
                val how = "%.0f dB, %.2f %%".format(Locale.ROOT, result.sqnrDb, result.labelAgreement * 100)
                if (result.passed) Passed else Differs(how)
            } catch (error: GoldenException) {
                Differs(error.message.orEmpty())
            }
        }
    }
}
