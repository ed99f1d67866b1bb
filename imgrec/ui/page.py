"""The whole page: the header, the tabs and the connections between them."""

import gradio as gr

from imgrec.ui.access.guard import GuardedBlocks
from imgrec.ui.approaches.compare import build_compare
from imgrec.ui.approaches.pretrained import build_pretrained
from imgrec.ui.approaches.scratch import build_scratch
from imgrec.ui.approaches.transfer import build_transfer
from imgrec.ui.components.listeners import COMPARE
from imgrec.ui.components.model_choosers import Choosers, keep_fresh
from imgrec.ui.components.templates import render
from imgrec.ui.components.vgg16_download import connect, vgg16_status
from imgrec.ui.data.tab import build_data
from imgrec.ui.lessons.tab import build_how
from imgrec.ui.results.tab import build_results
from imgrec.ui.scripts import script
from imgrec.ui.teach.tab import build_teach, project_token
from imgrec.ui.train.tab import build_train

OPEN_NAMED_TAB = script(__file__, "open_named_tab.js")
KEEP_PAGE = script(__file__, "keep_page.js")
NAME_OPEN_TAB = script(__file__, "name_open_tab.js")
QUEUE = 40  # waiting visitors; more are asked to come back
SESSIONS = 50  # whose values are kept; 50 full sessions take 100 MB (benchmark.py sessions)
HOUR = 3600  # seconds


def build_page() -> gr.Blocks:
    """Builds the page without loading any network."""
    with GuardedBlocks(
        title="imgrec: three ways to recognise a picture",
        analytics_enabled=False,
        delete_cache=(HOUR, 24 * HOUR),
    ) as page:
        page.queue(max_size=QUEUE)  # while the page is empty, because it traverses all of it
        gr.HTML(render(__file__, "header.jinja"))
        arrived = gr.State(0)  # how often VGG16's weights have arrived while the page was open
        taught = project_token()
        with gr.Tabs() as tabs:
            with gr.Tab("Compare", id=COMPARE) as first_tab:
                first = build_compare(page, arrived)
            with gr.Tab("From scratch") as scratch_tab:
                weights = build_scratch(scratch_tab, first.picture)
            with gr.Tab("Pre-trained") as tab:
                panel = build_pretrained(tab, first.picture, arrived)
            with gr.Tab("Transfer") as transfer_tab:
                head = build_transfer(transfer_tab, first.picture)
            choosers = Choosers((first.weights, weights), (first.head, head))
            with gr.Tab("Teach it") as tab:
                build_teach(page, tab, taught)
            with gr.Tab("Train", render_children=True) as tab:
                build_train(tabs, tab, choosers)
            with gr.Tab("The data") as tab:
                build_data(tab, tabs, first.picture)
            with gr.Tab("How it works") as tab:
                build_how(tab, first.picture)
            with gr.Tab("Results") as tab:
                build_results(page, tab, tabs, first.picture)
        keep_fresh([page.load, first_tab.select, scratch_tab.select, transfer_tab.select], choosers)
        connect(page, [first.panel, panel], arrived)
        tabs.select(None, js=NAME_OPEN_TAB, trigger_mode="multiple")
        page.load(None, js=OPEN_NAMED_TAB)
        page.load(None, js=KEEP_PAGE)
        gr.api(vgg16_status)
    return page
