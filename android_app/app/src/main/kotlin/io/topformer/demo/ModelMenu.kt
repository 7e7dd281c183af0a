package io.topformer.demo

import android.view.Menu
import android.view.View
import android.widget.PopupMenu

/** What the menu of models was asked for. */
sealed interface ModelChoice {
    class Model(val name: String) : ModelChoice

    class Threads(val count: Int) : ModelChoice

    object Add : ModelChoice
}

/** Offers models and thread counts beside a view. */
fun showModelMenu(
    anchor: View,
    models: List<String>,
    settings: Settings,
    onChoice: (ModelChoice) -> Unit,
): PopupMenu {
    val menu = PopupMenu(anchor.context, anchor)
    val resources = anchor.resources

    fun Menu.add(group: Int, text: String, chosen: Boolean, choice: ModelChoice) {
        val item = add(group, View.generateViewId(), Menu.NONE, text).setCheckable(true).setChecked(chosen)
        item.setOnMenuItemClickListener {
            onChoice(choice)
            true
        }
    }

    fun Menu.add(text: Int, choice: ModelChoice) =
        add(Menu.NONE, text, Menu.NONE, text).setOnMenuItemClickListener {
            onChoice(choice)
            true
        }
    for (name in models) menu.menu.add(1, name, name == settings.modelName, ModelChoice.Model(name))
    menu.menu.setGroupCheckable(1, true, true)
    val threads = menu.menu.addSubMenu(resources.getText(R.string.threads_title))
    for (count in 1..Runtime.getRuntime().availableProcessors()) {
        val text = resources.getQuantityString(R.plurals.threads, count, count)
        threads.add(2, text, count == settings.threads, ModelChoice.Threads(count))
    }
    threads.setGroupCheckable(2, true, true)
    menu.menu.add(R.string.add_model, ModelChoice.Add)
    menu.show()
    return menu
}
