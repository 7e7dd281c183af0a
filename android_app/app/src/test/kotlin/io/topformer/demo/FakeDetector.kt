package io.topformer.demo

import android.content.Context
import io.topformer.core.ModelManifest
import io.topformer.segmenter.Segmenter
import java.io.File
import java.nio.FloatBuffer
import kotlin.math.abs
import kotlin.math.ln

/** A box, its sides from 0 to 1 along the picture's. */
class FakeBox(val label: Int, val score: Float, val left: Float, val top: Float, val right: Float, val bottom: Float)

/** A detector of six classes with one level of one anchor, among those that the user added. */
object TestDetector {
    const val NAME = "test-detector-96x96"
    const val SIDE = 96
    const val STRIDE = 8
    const val ANCHOR = 32f
    val CLASS_NAMES = listOf("person", "dog", "cup", "traffic_light", "dining_table", "spoon")

    fun install(context: Context) = TestModel.install(context, manifest = manifest(), name = NAME)

    fun goldenFile(context: Context) = File(context.filesDir, "models/$NAME.golden")

    fun manifest(): String {
        val names = CLASS_NAMES.joinToString { "\"$it\"" }
        val places = SIDE / STRIDE
        return TestModel.manifest()
            .replace("\"depthwise_head\": false", "\"depthwise_head\": false, \"task\": \"object-detection\", \"detection_head\": \"lite\"")
            .replace("\"height\": 64, \"width\": 64", "\"height\": $SIDE, \"width\": $SIDE")
            .replace(Regex("\"outputs\": [^\n]*"),
                """
                "outputs": [{"meaning": "class logits", "shape": [1, 6, $places, $places], "stride": $STRIDE},
                            {"meaning": "box offsets", "shape": [1, 4, $places, $places], "stride": $STRIDE}],
                "detection": {"levels": [{"stride": $STRIDE, "anchors": [[-16, -16, 16, 16]]}], "score_threshold": 0.25},
                """.trimIndent())
            .replace(Regex("\"names\": [^]]*"), "\"names\": [$names")
    }
}

/** Gives the outputs that become certain boxes. */
class FakeDetector(private val manifest: ModelManifest, private val boxes: () -> List<FakeBox>) : Segmenter {
    override val inputs = List(2) { FloatBuffer.allocate(3 * manifest.inputHeight * manifest.inputWidth) }
    private val across = TestDetector.SIDE / TestDetector.STRIDE

    override fun run(number: Int): List<FloatArray> {
        val places = across * across
        val logits = FloatArray(manifest.classCount * places) { -9f }
        val offsets = FloatArray(4 * places)
        val free = (0 until places).toMutableList()
        for (box in boxes()) {
            val x = (box.left + box.right) / 2 * TestDetector.SIDE
            val y = (box.top + box.bottom) / 2 * TestDetector.SIDE
            val place = free.minBy { abs(it % across * TestDetector.STRIDE - x) + abs(it / across * TestDetector.STRIDE - y) }
            free -= place
            logits[box.label * places + place] = ln(box.score / (1 - box.score))
            val wide = (box.right - box.left) * TestDetector.SIDE
            val high = (box.bottom - box.top) * TestDetector.SIDE
            offsets[place] = (x - place % across * TestDetector.STRIDE) / TestDetector.ANCHOR
            offsets[places + place] = (y - place / across * TestDetector.STRIDE) / TestDetector.ANCHOR
            offsets[2 * places + place] = ln(wide / TestDetector.ANCHOR)
            offsets[3 * places + place] = ln(high / TestDetector.ANCHOR)
        }
        return listOf(logits, offsets)
    }

    override fun close() = Unit
}
