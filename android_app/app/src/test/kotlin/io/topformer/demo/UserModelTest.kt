package io.topformer.demo

import android.app.Activity
import android.content.ClipData
import android.content.Intent
import android.net.Uri
import org.robolectric.Shadows.shadowOf
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** Models that the user adds from files. */
class UserModelTest : AppTest() {
    private lateinit var documents: Documents
    private val content = "a program".toByteArray()
    private val folder by lazy { phone.application.filesDir.resolve("models") }

    @BeforeTest
    fun install() {
        documents = Documents.install()
        TestModel.install(phone.application)
    }

    @Test
    fun `two files are a model, in any order`() {
        val files = documents()
        choose(files.reversed())
        untilAdded()
        assertEquals(setOf("mine.json", "mine.pte"), left())
        assertContains(phone.menuTitles(), "mine")
        assertFalse(phone.isShown(R.id.notice))
    }

    @Test
    fun `a model is added again with what it has now`() {
        folder.resolve("mine.golden").writeText("of an older model")
        choose(documents())
        untilAdded()
        assertEquals(setOf("mine.json", "mine.pte"), left())
    }

    @Test
    fun `a model without its manifest`() = refused(
        listOf(documents.add("mine.pte", content)),
        "These files are not a model.",
        "Choose NAME.pte and its NAME.json together.",
    )

    @Test
    fun `a manifest of another name`() = refused(
        listOf(documents.add("mine.pte", content), documents.add("yours.json", manifest())),
        "These files are not a model.",
        "Choose NAME.pte and its NAME.json together.",
    )

    @Test
    fun `a model that is not its manifest's`() = refused(
        documents(content = "b program".toByteArray()),
        "The model is not the file that its manifest describes.",
        "SHA-256",
    )

    @Test
    fun `a model that is larger than its manifest says`() = refused(
        documents(content = content + ByteArray(100_000)),
        "The model is not the file that its manifest describes.",
        "SHA-256",
    )

    @Test
    fun `a manifest that is too large`() =
        refused(documents(manifest = ByteArray((16 shl 20) + 1) { ' '.code.toByte() }), "mine can't be read.", "larger than")

    @Test
    fun `a manifest that is none`() = refused(
        documents(manifest = "{}".toByteArray()),
        "The manifest is not one this app understands.",
        "schema is missing",
    )

    @Test
    fun `a name with a path`() {
        for (name in listOf("../mine", "/mine", "a/mine")) {
            refused(documents(name), "These files are not a model.", "NAME.pte")
        }
        assertEquals(emptyList(), phone.application.filesDir.walk().filter { "mine" in it.name }.toList())
    }

    @Test
    fun `files that the app may no longer read`() {
        val files = documents()
        documents.isRevoked = true
        refused(files, "mine can't be read.", "The app may not, or no longer, reach it.")
    }

    @Test
    fun `a failed addition leaves the model of that name as it was`() {
        choose(documents())
        untilAdded()
        phone.controller.close()
        refused(documents(content = "b program".toByteArray()), "The model is not the file", "SHA-256", left = left())
        assertEquals("a program", folder.resolve("mine.pte").readText())
    }

    private fun refused(files: List<Uri>, what: String, why: String, left: Set<String> = emptySet()) {
        choose(files)
        phone.until("the notice '$what'") { phone.isShown(R.id.notice) && phone.text(R.id.notice_what).startsWith(what) }
        assertContains(phone.text(R.id.notice_why), why)
        assertEquals(left, left())
        assertEquals(left.any { "mine" in it }, "mine" in phone.menuTitles())
        phone.controller.close()
    }

    private fun documents(name: String = "mine", content: ByteArray = this.content, manifest: ByteArray = manifest()) =
        listOf(documents.add("$name.pte", content), documents.add("$name.json", manifest))

    private fun manifest() = TestModel.manifest(content).toByteArray()

    /** What lies in the models' folder beside the one that was there. */
    private fun left(): Set<String> = folder.list().orEmpty().filterNot { it.startsWith(TestModel.NAME) }.toSet()

    private fun untilAdded() = phone.until("the added model") {
        folder.resolve("mine.pte").let { it.isFile && sha256(it) == phone.application.opened.lastOrNull()?.manifest?.fileSha256 }
    }

    private fun choose(files: List<Uri>) {
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        phone.application.opened.clear()
        phone.chooseInMenu("Add a model…")
        val question = shadowOf(phone.activity).nextStartedActivityForResult
        assertEquals(Intent.ACTION_OPEN_DOCUMENT, question.intent.action)
        assertTrue(question.intent.getBooleanExtra(Intent.EXTRA_ALLOW_MULTIPLE, false))
        val answer = Intent()
        if (files.size == 1) answer.data = files.single()
        if (files.size > 1) {
            answer.clipData = ClipData.newRawUri(null, files[0]).apply { files.drop(1).forEach { addItem(ClipData.Item(it)) } }
        }
        shadowOf(phone.activity).receiveResult(question.intent, Activity.RESULT_OK, answer)
    }
}
