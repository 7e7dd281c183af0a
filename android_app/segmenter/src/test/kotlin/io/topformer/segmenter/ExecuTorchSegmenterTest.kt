package io.topformer.segmenter

import java.io.File
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertFailsWith

class ExecuTorchSegmenterTest {
    // ExecuTorch's own classes are on the class path here; their native library is not, as on a phone of another kind.
    @Test
    fun `a device without the native library is told, twice as well as once`() {
        repeat(2) {
            val refusal = assertFailsWith<SegmenterException> {
                ExecuTorchSegmenter.open(File("model.pte"), 1, longArrayOf(1, 3, 64, 64), listOf(longArrayOf(1, 6, 8, 8)))
            }
            assertContains(refusal.message.orEmpty(), "native library")
        }
    }
}
