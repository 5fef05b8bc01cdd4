/**
 * The data sets that `lockstep data` knows: where they are published, and by which sizes and SHA-256 a copy is told to be
 * right. Sizes and hashes are those of TensorFlow Datasets (tensorflow_datasets/url_checksums/mnist.txt,
 * fashion_mnist.txt and cifar10.txt in github.com/tensorflow/datasets), which publishes them for the same addresses.
 */

/** A file as it is published. */
export interface PublishedFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** In lower-case hex. */
  readonly sha256: string;
}

/** How the CIFAR family packs its images: see cifar.ts. */
export interface CifarLayout {
  /** Records in each file of the archive. */
  readonly records: number;
  readonly splits: readonly {
    /** Of the IDX files that the split becomes. */
    readonly prefix: string;
    /** Names in the archive, in order, without their folder. */
    readonly files: readonly string[];
  }[];
}

export interface PublishedSet {
  /** Base addresses that serve the files, in the order in which they are tried. */
  readonly homes: readonly string[];
  readonly files: readonly PublishedFile[];
  /** Present where the only file is an archive to convert. */
  readonly cifar?: CifarLayout;
  /** Of configs/, a run on this set. */
  readonly config: string;
  /** Where that config looks for the set. */
  readonly dir: string;
}

const mnist: PublishedSet = {
  homes: ['https://storage.googleapis.com/cvdf-datasets/mnist/', 'https://ossci-datasets.s3.amazonaws.com/mnist/'],
  files: [
    {
      name: 't10k-labels-idx1-ubyte.gz',
      size: 4_542,
      sha256: 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    },
    {
      name: 't10k-images-idx3-ubyte.gz',
      size: 1_648_877,
      sha256: '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
    },
    {
      name: 'train-labels-idx1-ubyte.gz',
      size: 28_881,
      sha256: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
    },
    {
      name: 'train-images-idx3-ubyte.gz',
      size: 9_912_422,
      sha256: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
    },
  ],
  config: 'mnist.yaml',
  dir: 'data/mnist',
};

const fashionMnist: PublishedSet = {
  homes: [
    // Amazon serves this one without TLS only: the hash is what makes it safe.
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
    'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
  ],
  files: [
    {
      name: 't10k-labels-idx1-ubyte.gz',
      size: 5_148,
      sha256: '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
    },
    {
      name: 't10k-images-idx3-ubyte.gz',
      size: 4_422_102,
      sha256: '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
    },
    {
      name: 'train-labels-idx1-ubyte.gz',
      size: 29_515,
      sha256: 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
    },
    {
      name: 'train-images-idx3-ubyte.gz',
      size: 26_421_880,
      sha256: '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
    },
  ],
  config: 'fashion-mnist.yaml',
  dir: 'data/fashion-mnist',
};

const cifar10: PublishedSet = {
  homes: ['https://www.cs.toronto.edu/~kriz/'],
  files: [
    {
      name: 'cifar-10-binary.tar.gz',
      size: 170_052_171,
      sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
    },
  ],
  cifar: {
    records: 10_000,
    splits: [
      { prefix: 'train', files: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`) },
      { prefix: 't10k', files: ['test_batch.bin'] },
    ],
  },
  config: 'cifar10.yaml',
  dir: 'data/cifar10',
};

export const publishedSets: ReadonlyMap<string, PublishedSet> = new Map([
  ['mnist', mnist],
  ['fashion-mnist', fashionMnist],
  ['cifar10', cifar10],
]);
