package io.topformer.demo

import android.net.Uri
import io.topformer.core.ModelManifest

/** A model that is open, and whether this device computes what it should. */
class OpenedModel(val manifest: ModelManifest, val selfCheck: SelfCheck)

/** The model of the one screen: opened, checked, chosen, and what its user can do about its troubles. */
class ModelControl(
    private val application: DemoApplication,
    private val settings: Settings,
    private val notices: Notices,
    private val files: UserFiles,
    private val host: Host,
) : AutoCloseable {
    /** What the model needs of the screen. */
    interface Host {
        fun onModel(opened: OpenedModel)

        fun onResult()

        fun ask(wish: Wish)
    }

    private val store = ModelStore(application, application.modelAssets)
    private val listener = object : Engine.Listener {
        override fun onModel(manifest: ModelManifest, selfCheck: SelfCheck) = take(OpenedModel(manifest, selfCheck))

        override fun onResult() = host.onResult()

        override fun onRefusal(what: String, why: String) {
            opening = false
            opened = null
            notices.model = Notice(what, why, choose())
        }
    }
    val engine = Engine(application.segmenters, application.clock, listener)

    /** Null while none is, or not yet. */
    var opened: OpenedModel? = null
        private set
    private var opening = false

    // By their hash: whoever went on once is not asked again.
    private val trusted = HashSet<String>()

    /** Opens what was chosen, or the first model there is. */
    fun open() {
        val all = store.list()
        val chosen = all.firstOrNull { it.name == settings.modelName } ?: all.firstOrNull()
        if (chosen == null) {
            val pick = NoticeAction(R.string.choose_model) { host.ask(Wish.MODEL_FILES) }
            notices.model = Notice(application.getString(R.string.no_model), application.getString(R.string.no_model_why), pick)
            return
        }
        settings.modelName = chosen.name
        notices.model = null
        opening = true
        engine.open(chosen, settings.threads)
    }

    /** Opens the model again when its memory was given back meanwhile. */
    fun resume() {
        if (opened == null && !opening && notices.model == null) open()
    }

    /** Gives the model's memory back. */
    fun release() {
        engine.release()
        opened = null
        opening = false
    }

    fun names(): List<String> = store.list().map { it.name }

    fun open(name: String) {
        settings.modelName = name
        open()
    }

    fun openWith(threads: Int) {
        settings.threads = threads
        open()
    }

    /** Adds what the user picked, and opens it. */
    fun add(uris: List<Uri>) = files.addModel(uris, store, { open(it.name) }) { error ->
        notices.model = if (opened == null) Notice(error.what, error.why, choose()) else Notice(error.what, error.why, goOn())
    }

    override fun close() = engine.close()

    private fun take(model: OpenedModel) {
        opening = false
        opened = model
        if (model.manifest.fileSha256 !in trusted) notices.model = doubtOf(model)
        host.onModel(model)
    }

    private fun doubtOf(model: OpenedModel): Notice? {
        val trust = goOn { trusted += model.manifest.fileSha256 }
        return when (val check = model.selfCheck) {
            is SelfCheck.Passed, is SelfCheck.Absent -> null
            is SelfCheck.Unusable -> Notice(check.what, check.why, trust, choose())
            is SelfCheck.Differs -> {
                val words = model.manifest.words
                val why = application.getString(
                    words.differsWhy,
                    check.found.agreement * 100,
                    check.golden.requiredAgreement * 100,
                    check.found.sqnrDb,
                    check.golden.requiredSqnrDb,
                )
                Notice(application.getString(words.differsWhat), why, trust, choose())
            }
        }
    }

    private fun goOn(first: () -> Unit = {}) = NoticeAction(R.string.go_on) {
        first()
        notices.model = null
        // Its memory may have been given back behind the notice.
        resume()
    }

    private fun choose() = NoticeAction(R.string.choose_model) { host.ask(Wish.MODEL_MENU) }
}
