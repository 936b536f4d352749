"""An AWS on one machine, for the module's demo and tests: ``python -m local.aws --ready-file PATH``.

moto is the control plane. What it lacks or only pretends is added around it, never patched into it:

- invocations run the deployed zip and layers under AWS's runtime interface emulator (`functions`, `sandbox`);
- asynchronous invocations are retried and sent to their destinations (`asynchronous`);
- events find the deployed rules, input transformers and targets (`events`, `transform`, `targets`);
- executions report their status to the default event bus (`executions`);
- topics deliver to their e-mail subscribers by SMTP (`mail`);
- a schedule fires when told to (`scheduler`);
- a service throttles or delays its clients when told to (`faults`).

Where it differs from AWS: permissions are not checked; alarms are not evaluated; schedules fire only when told to;
state machines write no log; ``States.ALL`` also catches ``States.Runtime``; at most forty sandboxes run at once,
further invocations wait; an e-mail subscription counts as confirmed (a person would click the link); memory is not
limited; the runtime is the Python of ``.venv-runtime`` whatever the function's ``runtime`` and ``architecture`` say;
and the emulator gives every invocation, also a retried one, a request id of its own and a
``context.invoked_function_arn`` in account 012345678912 and region us-east-1.
"""
