"""An AWS on one machine, for the module's demo and tests: ``python -m local.aws --ready-file PATH``.

moto is the control plane. What it lacks or only pretends is added around it, never patched into it (but for the reader
of JSONPaths, which `language` caches, and the clients of tasks, which get their machine's role from `tasks`):

- invocations run the deployed zip and layers under AWS's runtime interface emulator (`functions`, `sandbox`);
- asynchronous invocations are retried and sent to their destinations, which are functions (`asynchronous`);
- executions' events find the deployed rules, and the functions that are their targets (`events`);
- executions are run, those of Distributed Maps too, within AWS's limits (`language`, `machines`);
- executions report their status to the default event bus, children excepted (`executions`);
- tables refuse what AWS refuses and tell what a request consumes (`dynamodb`);
- topics deliver to their e-mail subscribers by SMTP (`mail`);
- a schedule fires when told to (`scheduler`);
- queues carry out one request at a time, with the limits a function can run into (`queues`, `messages`);
- dead letters are moved by message move tasks (`moves`);
- pollers hand a queue's messages to a function, by event source mappings (`mappings`, `polling`);
- functions, state machines and schedules act with their roles, and what is asked with a role is checked against its
  policies, as are records on their way to a destination, Map Runs, and rules that invoke a function; what was asked
  can be read, to be judged by others (`permissions`);
- a service throttles or delays its clients when told to (`faults`).

Where it differs from AWS: policies are evaluated without boundaries, session policies and most policies of resources;
signatures and expiry are not checked, and S3's actions are called like its operations; whoever signs with another key
may do everything, and so may a function or state machine whose role was never made. Alarms are not evaluated;
schedules fire only when told to. SendMessageBatch knows only moto's limits; a queue has any number of messages in
flight, deletes by any receipt handle a message ever had, and is not safe from several clients that speak SQS's former
query protocol; there are no FIFO queues. A mapping from a queue is Enabled, Disabled or gone at once; its pollers do
not gather or filter, do not slow down after errors, and go beyond five invocations at a time only with
MaximumConcurrency, and never beyond forty. State machines write no log; Distributed Maps know items of the input,
STANDARD children and ToleratedFailureCount only. At most forty sandboxes run at once, further invocations wait; memory
is not limited; the runtime is the Python of ``.venv-runtime`` whatever the function's ``runtime`` and ``architecture``
say; and the emulator gives every invocation, also a retried one, a request id of its own and a
``context.invoked_function_arn`` in account 012345678912 and region us-east-1. An e-mail subscription counts as
confirmed (a person would click the link).
"""
