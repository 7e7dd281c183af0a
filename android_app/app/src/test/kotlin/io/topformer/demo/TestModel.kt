package io.topformer.demo

import android.content.Context
import java.io.File
import java.security.MessageDigest

/** A model of six classes, among those that the user added. Its file is read by no runtime. */
object TestModel {
    const val NAME = "test-tiny-64x64"
    val CLASS_NAMES = listOf("sky", "building", "tree", "road", "car", "person")
    private val content = "not a program".toByteArray()

    fun install(
        context: Context,
        content: ByteArray = this.content,
        manifest: String = manifest(this.content),
        name: String = NAME,
    ) {
        val folder = File(context.filesDir, "models").apply { mkdirs() }
        File(folder, "$name.pte").writeBytes(content)
        File(folder, "$name.json").writeText(manifest)
    }

    fun goldenFile(context: Context) = File(context.filesDir, "models/$NAME.golden")

    fun manifest(content: ByteArray = this.content): String {
        val names = CLASS_NAMES.joinToString { "\"$it\"" }
        val sha256 = MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }
        return """
            {"schema": "topformer.manifest/1",
             "model": {"variant": "tiny", "num_classes": 6, "fused_channels": 128, "depthwise_head": false},
             "weights": {"name": "test", "sha256": "$sha256", "licence": "Apache-2.0", "source": "a test"},
             "file": {"name": "$NAME.pte", "sha256": "$sha256", "size_bytes": ${content.size}, "target": "xnnpack",
                      "precision": "fp32", "libraries": {}},
             "input": {"height": 64, "width": 64, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
             "outputs": [{"meaning": "logits", "shape": [1, 6, 8, 8], "stride": 8}],
             "classes": {"dataset": "test", "names": [$names],
                         "palette": [[6, 230, 230], [180, 120, 120], [4, 200, 3], [140, 140, 140], [0, 102, 200],
                                     [150, 5, 61]]}}
        """
    }
}

/** The app with a fake in the runtime's place. */
open class TestApplication : DemoApplication() {
    val opened = ArrayList<FakeSegmenter>()

    /** What detectors find in every picture. */
    @Volatile
    var boxes = emptyList<FakeBox>()
    var refusal: Throwable? = null
    var onOpen: () -> Unit = {}

    /** In place of where files go that need not be kept. */
    var otherCache: File? = null

    override fun getCacheDir(): File = otherCache ?: super.getCacheDir()

    val drawing = Drawing()

    override fun onCreate() {
        super.onCreate()
        registerActivityLifecycleCallbacks(drawing)
    }

    /** Ends what lives as long as the app. */
    fun end() = cameras.handler.looper.quitSafely()

    override val clock = TestClock()

    // None, whatever is embedded where the tests are run.
    override val modelAssets = "no-models"
    override val previews = PreviewFactory(::LivePreview)
    override val segmenters: SegmenterFactory = SegmenterFactory { _, manifest, threads ->
        onOpen()
        refusal?.let { throw it }
        if (manifest.detection == null) FakeSegmenter(manifest, threads).also { opened += it } else FakeDetector(manifest) { boxes }
    }
}
