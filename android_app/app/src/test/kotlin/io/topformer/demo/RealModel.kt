package io.topformer.demo

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import android.graphics.BitmapFactory
import io.topformer.core.ManifestReader
import io.topformer.core.ModelManifest
import io.topformer.segmenter.Segmenter
import io.topformer.segmenter.SegmenterException
import org.json.JSONArray
import org.json.JSONObject
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer

/** A model exported to ONNX by this project, with what Python says of one picture; `make app` makes all. */
open class ExportedModel(private val name: String) {
    /** Summer Palace, Beijing, by danielbuechele, CC BY 2.0. */
    val picture: File get() = folder("pictures").resolve("china.png")

    /** Puts the model among those that the user added, whose names end as ExecuTorch's do. */
    fun install(application: DemoApplication) {
        val models = application.filesDir.resolve("models").apply { mkdirs() }
        for ((from, to) in listOf("onnx" to "pte", "json" to "json", "golden" to "golden")) {
            made("$name.$from").copyTo(models.resolve("$name.$to"), overwrite = true)
        }
    }

    protected fun manifest(): ModelManifest = ManifestReader.read(made("$name.json").readBytes())

    protected fun made(name: String): File =
        folder("model").resolve(name).also { check(it.isFile) { "$it is not there; `make app` makes it." } }
}

/** The default model. */
object RealModel : ExportedModel("topformer-tiny-448x448-onnx") {
    /** The classes of the picture, row by row, as `topformer predict` tells them. */
    fun expectedLabels(): ShortArray {
        val labels = BitmapFactory.decodeFile(made("china.labels.png").path)
        // A picture in the colours of the classes.
        val palette = manifest().palette
        val classes = palette.indices.associateBy(palette::get)
        return ShortArray(labels.width * labels.height) {
            classes.getValue(labels.getPixel(it % labels.width, it / labels.width)).toShort()
        }
    }
}

/** A detector whose head nobody trained. */
object RealDetector : ExportedModel("topformer-tiny-lite-192x256-onnx") {
    /** COCO results of the picture, the likeliest first, as `topformer predict` writes them. */
    fun expectedBoxes(): List<JSONObject> {
        val results = JSONArray(made("boxes/china.boxes.json").readText())
        return List(results.length(), results::getJSONObject)
    }
}

/** A folder that the build names. */
fun folder(property: String): File =
    File(checkNotNull(System.getProperty(property)) { "The build has to say where '$property' is." })

/** The app with ONNX Runtime in ExecuTorch's place. */
class OnnxApplication : TestApplication() {
    override val segmenters = SegmenterFactory(::OnnxSegmenter)
}

/** An `.onnx` file in ONNX Runtime. */
class OnnxSegmenter(file: File, manifest: ModelManifest, threads: Int) : Segmenter {
    private val environment = OrtEnvironment.getEnvironment()
    private val session = refusing {
        environment.createSession(file.path, OrtSession.SessionOptions().apply { setIntraOpNumThreads(threads) })
    }
    private val inputShape = longArrayOf(1, 3, manifest.inputHeight.toLong(), manifest.inputWidth.toLong())
    private val outputShapes = manifest.outputShapes
    private val found = outputShapes.map { FloatArray(it.reduce(Long::times).toInt()) }
    override val inputs: List<FloatBuffer> = List(2) {
        ByteBuffer.allocateDirect(inputShape.reduce(Long::times).toInt() * Float.SIZE_BYTES)
            .order(ByteOrder.nativeOrder()).asFloatBuffer()
    }

    // They wrap the buffers, which are direct ones.
    private val arguments = inputs.map { OnnxTensor.createTensor(environment, it, inputShape) }

    override fun run(number: Int): List<FloatArray> = refusing {
        session.run(mapOf(session.inputNames.single() to arguments[number])).use { outputs ->
            check(outputs.size() == found.size) { "The model gave ${outputs.size()} outputs." }
            outputs.forEachIndexed { i, (_, value) ->
                val output = value as OnnxTensor
                check(output.info.shape.contentEquals(outputShapes[i])) { "The model gave ${output.info.shape.toList()}." }
                output.floatBuffer.get(found[i])
            }
        }
        found
    }

    override fun close() {
        arguments.forEach(OnnxTensor::close)
        session.close()
    }

    private inline fun <T> refusing(action: () -> T): T = try {
        action()
    } catch (error: OrtException) {
        throw SegmenterException(error.message.orEmpty(), error)
    }
}
