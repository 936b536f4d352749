"""CloudWatch's dashboard, as far as people look at text and custom widgets: a page that carries out the protocol.

It does what AWS documents ("Create a custom widget for a CloudWatch dashboard"): it calls the function of each custom
widget with the configured parameters at the top level and a ``widgetContext``, shows the HTML, Markdown or JSON that it
answers, cleaned of scripts, frames and ``use``, and lets each ``<cwdb-action>`` act on the element before it.

Other than on AWS: there is no question whether a widget may run; Markdown is shown as text; graphs, alarms and logs are
only named; what cleans the HTML is not AWS's. AWS is silent on these, and here they are so: ``confirmation`` is the
browser's own question; actions inside a popup work; ``forms.all`` holds what the widget's fields have when a button is
pressed; a call that fails shows its error instead of the answer.
"""
