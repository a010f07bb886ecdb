// Takes manifests from standard input, as YAML documents, and says of each what an API server would refuse or warn of
// when it is created, and what a namespace with the restricted profile would.
//
// It is the server's own code: strict decoding, defaults, the strategy of each resource, pod security admission.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

var scheme = legacyscheme.Scheme

func main() {
	options := json.SerializerOptions{Yaml: true, Strict: true}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, options)
	profile, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(err)
	documents := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	count, problems := 0, 0
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		must(err)
		count++
		for _, problem := range check(decoder, profile, text) {
			fmt.Println(problem)
			problems++
		}
	}
	fmt.Printf("%d objects, %d problems\n", count, problems)
	if problems > 0 {
		os.Exit(1)
	}
}

// check returns what is wrong with one document.
func check(decoder runtime.Decoder, profile policy.Evaluator, text []byte) []string {
	object, _, err := decoder.Decode(text, nil, nil)
	if err != nil {
		return []string{err.Error()}
	}
	scheme.Default(object)
	switch object := object.(type) {
	case *batchv1.Job:
		return append(create(job.Strategy, object, &batch.Job{}), secure(profile, object.Spec.Template)...)
	case *appsv1.Deployment:
		return append(create(deployment.Strategy, object, &apps.Deployment{}), secure(profile, object.Spec.Template)...)
	case *corev1.ConfigMap:
		return create(configmap.Strategy, object, &core.ConfigMap{})
	case *corev1.PersistentVolumeClaim:
		return create(persistentvolumeclaim.Strategy, object, &core.PersistentVolumeClaim{})
	case *corev1.Service:
		return createService(object)
	}
	return []string{fmt.Sprintf("a %T is not expected", object)}
}

// create does what the server does before it stores an object.
func create(strategy rest.RESTCreateStrategy, object, internal runtime.Object) []string {
	must(scheme.Convert(object, internal, nil))
	known, err := meta.Accessor(internal)
	must(err)
	rest.FillObjectMetaSystemFields(known)
	kind := object.GetObjectKind().GroupVersionKind()
	namespace := known.GetNamespace()
	if namespace == "" {
		namespace = "default"
	}
	ctx := request.WithNamespace(context.Background(), namespace)
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true,
		Verb:              "create",
		APIGroup:          kind.Group,
		APIVersion:        kind.Version,
		Resource:          strings.ToLower(kind.Kind) + "s",
	})
	var problems []string
	if err := rest.BeforeCreate(strategy, ctx, internal); err != nil {
		problems = append(problems, err.Error())
	}
	for _, warning := range strategy.WarningsOnCreate(ctx, internal) {
		problems = append(problems, "warning: "+warning)
	}
	return problems
}

// createService gives a Service the address that the server would draw.
func createService(object *corev1.Service) []string {
	internal := &core.Service{}
	must(scheme.Convert(object, internal, nil))
	if internal.Namespace == "" {
		internal.Namespace = "default"
	}
	single := core.IPFamilyPolicySingleStack
	internal.Spec.ClusterIP = "10.0.0.7"
	internal.Spec.ClusterIPs = []string{internal.Spec.ClusterIP}
	internal.Spec.IPFamilies = []core.IPFamily{core.IPv4Protocol}
	internal.Spec.IPFamilyPolicy = &single
	if errs := validation.ValidateServiceCreate(internal); len(errs) > 0 {
		return []string{errs.ToAggregate().Error()}
	}
	return nil
}

// secure returns what the restricted profile has against a pod.
func secure(profile policy.Evaluator, template corev1.PodTemplateSpec) []string {
	level := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	var problems []string
	for _, result := range profile.EvaluatePod(level, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			problems = append(problems, fmt.Sprintf("restricted: %s: %s", result.ForbiddenReason, result.ForbiddenDetail))
		}
	}
	return problems
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
