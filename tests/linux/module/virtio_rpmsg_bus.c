// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel's own virtio_rpmsg_bus, with its virtqueue callbacks run from a
 * workqueue. It takes mutexes in them, which is fine where a remote processor's
 * interrupts come through a thread; virtio_uml calls them in hard interrupt context.
 * Needs Linux 6.11, which gave find_vqs its present arguments.
 */
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/workqueue.h>

#define RPMSG_QUEUES 2

struct late_queue {
	struct work_struct work;
	struct virtqueue *vq;
	vq_callback_t *callback;
};

/* The queues of a device between find_vqs and del_vqs. */
struct late_device {
	struct list_head node;
	struct virtio_device *vdev;
	bool stopped;
	struct late_queue queue[RPMSG_QUEUES];
};

static LIST_HEAD(late_devices);
static DEFINE_SPINLOCK(late_lock);

static struct late_device *late_find(struct virtio_device *vdev)
{
	struct late_device *dev;

	list_for_each_entry(dev, &late_devices, node) {
		if (dev->vdev == vdev)
			return dev;
	}
	return NULL;
}

/* vring_interrupt sees whether there is still something to do, then calls late_callback. */
static void late_work(struct work_struct *work)
{
	struct late_queue *q = container_of(work, struct late_queue, work);

	vring_interrupt(0, q->vq);
}

static void late_callback(struct virtqueue *vq)
{
	vq_callback_t *callback = NULL;
	struct late_device *dev;
	unsigned long flags;

	spin_lock_irqsave(&late_lock, flags);
	dev = late_find(vq->vdev);
	if (dev && !dev->stopped) {
		struct late_queue *q = &dev->queue[vq->index];

		if (in_hardirq()) {
			q->vq = vq;
			queue_work(system_highpri_wq, &q->work);
		} else {
			callback = q->callback;
		}
	}
	spin_unlock_irqrestore(&late_lock, flags);
	if (callback)
		callback(vq);
}

static int late_start(struct virtio_device *vdev, vq_callback_t *callbacks[])
{
	struct late_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	unsigned long flags;
	int i;

	if (!dev)
		return -ENOMEM;
	dev->vdev = vdev;
	for (i = 0; i < RPMSG_QUEUES; i++) {
		INIT_WORK(&dev->queue[i].work, late_work);
		dev->queue[i].callback = callbacks[i];
	}
	spin_lock_irqsave(&late_lock, flags);
	list_add(&dev->node, &late_devices);
	spin_unlock_irqrestore(&late_lock, flags);
	return 0;
}

/* After it no callback runs, nor starts. */
static struct late_device *late_stop(struct virtio_device *vdev)
{
	struct late_device *dev;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&late_lock, flags);
	dev = late_find(vdev);
	if (dev)
		dev->stopped = true;
	spin_unlock_irqrestore(&late_lock, flags);
	for (i = 0; dev && i < RPMSG_QUEUES; i++)
		cancel_work_sync(&dev->queue[i].work);
	return dev;
}

static struct virtio_device *late_end(struct virtio_device *vdev)
{
	struct late_device *dev = late_stop(vdev);
	unsigned long flags;

	if (!dev)
		return vdev;
	spin_lock_irqsave(&late_lock, flags);
	list_del(&dev->node);
	spin_unlock_irqrestore(&late_lock, flags);
	kfree(dev);
	return vdev;
}

static int late_find_vqs(struct virtio_device *vdev, unsigned int n, struct virtqueue *vqs[],
			 struct virtqueue_info info[], struct irq_affinity *desc)
{
	vq_callback_t *callbacks[RPMSG_QUEUES];
	unsigned int i;
	int err;

	if (WARN_ON(n != RPMSG_QUEUES))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		callbacks[i] = info[i].callback;
		info[i].callback = late_callback;
	}
	err = late_start(vdev, callbacks);
	if (err)
		return err;
	err = virtio_find_vqs(vdev, n, vqs, info, desc);
	if (err)
		late_end(vdev);
	return err;
}

static void late_reset(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
	late_stop(vdev);
}

#define virtio_find_vqs late_find_vqs
#define virtio_reset_device late_reset
/* for vdev->config->del_vqs(vdev), in remove and where probe fails */
#define del_vqs(vdev) del_vqs(late_end(vdev))

#undef pr_fmt /* printk.h has set it for us; the driver has its own */
#include "drivers/rpmsg/virtio_rpmsg_bus.c"
